import { describeTransformer } from '../support/transformer-suite.ts'
import { FLUX_SUITES } from '../support/transformer-suites.ts'

for (const suite of FLUX_SUITES) describeTransformer(suite)
