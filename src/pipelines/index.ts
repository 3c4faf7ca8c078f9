export { describeModel } from './describe-model.ts'
export { openPipeline } from './open-pipeline.ts'
export type * from './pipeline.ts'
