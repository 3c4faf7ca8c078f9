import { describeTransformer } from '../support/transformer-suite.ts'

describeTransformer({ model: 'pixart_sigma' })
describeTransformer({ model: 'pixart_alpha' })
