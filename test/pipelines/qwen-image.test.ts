import { describeTransformer } from '../support/transformer-suite.ts'
import { QWEN_SUITES } from '../support/transformer-suites.ts'

for (const suite of QWEN_SUITES) describeTransformer(suite)
