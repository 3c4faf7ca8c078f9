import { describeTransformer } from '../support/transformer-suite.ts'
import { SD3_SUITES } from '../support/transformer-suites.ts'

for (const suite of SD3_SUITES) describeTransformer(suite)
