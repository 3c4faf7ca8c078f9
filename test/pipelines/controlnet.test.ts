import { describeGoldens } from '../support/golden-suite.ts'

describeGoldens({ model: 'controlnet-tiny', prefixes: ['controlnet-'], except: ({ call }) => 'guess_mode' in call })
