import { describeTransformer } from '../support/transformer-suite.ts'

describeTransformer({ model: 'flux2_klein' })
