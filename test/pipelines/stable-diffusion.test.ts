import { describeGoldens } from '../support/golden-suite.ts'

describeGoldens({ model: 'sd15-tiny', prefixes: ['sd15-'] })
describeGoldens({ model: 'sd21-tiny', prefixes: ['sd21-'] })
describeGoldens({ model: 'turbo-tiny', prefixes: ['turbo-'] })
describeGoldens({ model: 'lcm-tiny', prefixes: ['lcm-'] })
describeGoldens({ model: 'inpaint-tiny', prefixes: ['inpaint9-'] })
describeGoldens({ model: 'ip2p-tiny', prefixes: ['ip2p-'] })
