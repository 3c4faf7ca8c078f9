// A backend of your own: one flat picture whose color is taken from the seed.
//
//   diffgentor t2i --plugin ./custom-backend.ts --backend one_color --prompt "anything"
//
// (Node 22.18 and newer run TypeScript as it is; compile to JavaScript for Node 20.)
import type { BackendPlugin, ImageBackend } from 'diffgentor'

function openOneColor(modelName: string): ImageBackend {
  return {
    name: 'one_color',
    modelId: modelName,
    capabilities: {
      generate: true,
      edit: false,
      mask: false,
      negativePrompt: false,
      seed: true,
      guidanceScale: false,
      numInferenceSteps: false,
      diffusion: false,
      maxImagesPerCall: 1,
      maxInputImages: 0,
      concurrency: 4,
      paid: false,
    },
    async run(request, { signal }) {
      signal.throwIfAborted()
      const { width, height } = request.size ?? { width: 64, height: 64 }
      const seed = request.seeds?.[0] ?? 0
      const color = [seed & 255, (seed >> 8) & 255, (seed >> 16) & 255]
      // A gradient towards black, since a picture of one flat color is marked as suspect.
      const pixels = Uint8Array.from(
        { length: width * height * 3 },
        (_, at) => (color[at % 3]! * (at % (width * 3))) / (width * 3),
      )
      return {
        images: [{ picture: { kind: 'raw', pixels, width, height, channels: 3 }, seed }],
        warnings: [],
        recipe: { backend: 'one_color', model: modelName },
      }
    },
    async [Symbol.asyncDispose]() {},
  }
}

export const backends: BackendPlugin = {
  one_color: {
    describe: 'one color, fading to black',
    load: async () => async (settings) => openOneColor(settings.modelName ?? 'one-color'),
  },
}
