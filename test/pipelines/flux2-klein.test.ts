import { describeTransformer } from '../support/transformer-suite.ts'
import { FLUX2_SUITES } from '../support/transformer-suites.ts'

for (const suite of FLUX2_SUITES) describeTransformer(suite)
