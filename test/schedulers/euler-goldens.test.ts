import { describeGoldens } from './scheduler-goldens.ts'

for (const className of [
  'DDIMScheduler',
  'EulerDiscreteScheduler',
  'EulerAncestralDiscreteScheduler',
  'PNDMScheduler',
  'DPMSolverMultistepScheduler',
  'LCMScheduler',
  'FlowMatchEulerDiscreteScheduler',
])
  describeGoldens(className)
