// One picture from TypeScript: open a model, draw, write a PNG.
//
//   npx tsx examples/text-to-image.ts "a red apple" apple.png
import { writeFile } from 'node:fs/promises'
import { encodePicture, openBackend } from 'diffgentor'

const [prompt = 'a red apple', file = 'apple.png'] = process.argv.slice(2)

await using backend = await openBackend({ modelName: 'emoji' })
const { images } = await backend.run(
  { prompt, numImages: 1, seeds: [7] },
  {
    signal: AbortSignal.timeout(120_000),
    onProgress: (event) => {
      if (event.phase === 'step-end') process.stderr.write(`step ${event.step}/${event.totalSteps}\n`)
    },
  },
)
await writeFile(file, await encodePicture(images[0]!.picture, { format: 'png' }))
process.stdout.write(`${file}\n`)
