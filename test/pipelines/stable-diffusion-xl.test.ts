import { describeGoldens } from '../support/golden-suite.ts'

/** No flag asks for these: a second negative prompt, other sizes for the negative prompt, aesthetic scores. */
const UNREACHABLE = ['negative_prompt_2', 'negative_original_size', 'aesthetic_score']

describeGoldens({
  model: 'sdxl-tiny',
  prefixes: ['sdxl-'],
  except: ({ call }) => UNREACHABLE.some((key) => key in call) || call['output_type'] === 'latent',
})
describeGoldens({ model: 'sdxl-turbo-tiny', prefixes: ['sdxl-turbo-'] })
describeGoldens({
  model: 'sdxl-refiner-tiny',
  prefixes: ['refiner-'],
  except: ({ call, latentsFrom }) => UNREACHABLE.some((key) => key in call) || latentsFrom !== undefined,
})
