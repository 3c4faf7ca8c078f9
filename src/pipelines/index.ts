export { type ProviderProbe, probeProviders } from '../onnx-runtime/probe-providers.ts'
export { describeModel } from './describe-model.ts'
export { openPipeline } from './open-pipeline.ts'
export type * from './pipeline.ts'
