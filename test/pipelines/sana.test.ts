import { describeTransformer } from '../support/transformer-suite.ts'

describeTransformer({ model: 'sana' })
