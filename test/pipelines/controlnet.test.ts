import { describeGoldens } from '../support/golden-suite.ts'

describeGoldens({ model: 'controlnet-tiny', prefixes: ['controlnet-'] })
