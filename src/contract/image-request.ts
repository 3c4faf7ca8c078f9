/** Width and height in pixels. */
export interface Size {
  width: number
  height: number
}

/** A picture as a file's bytes: PNG, JPEG, WebP, AVIF, GIF or TIFF, known by content. */
export type EncodedPicture = Uint8Array

/** What an edit starts from. */
export interface EditSource {
  /** At least one picture, in the order given. */
  images: readonly EncodedPicture[]
  /** White repaints, black keeps; same size as the first image. A picture with alpha and no white-is-edit meaning is converted before it gets here. */
  mask?: EncodedPicture | undefined
  /** How far the result may leave the source, 0–1; 1 ignores it. Absent: the model's default. */
  strength?: number | undefined
  /** How closely InstructPix2Pix models keep to the source, at least 1. Absent: the model's default. */
  imageGuidanceScale?: number | undefined
}

/** A LoRA file and how much of it to add. */
export interface LoraChoice {
  /** Path of a `.safetensors` file. */
  path: string
  /** 1 is the file as trained; may be negative; 0 adds nothing. */
  weight: number
}

/** A textual-inversion file and the word that calls it. */
export interface EmbeddingChoice {
  path: string
  /** Absent: the token named in the file. */
  token?: string | undefined
}

/** A ControlNet graph with its condition picture. */
export interface ControlNetChoice {
  /** Folder of the ControlNet graph. */
  path: string
  /** The condition picture (edges, pose, depth …). */
  image: EncodedPicture
  /** Factor on the residuals. Default 1. */
  scale: number
  /** First and last part of the steps in which it acts, 0–1. Default 0 and 1. */
  start: number
  end: number
}

/** Pictures whose content and style are to be drawn, for models with an IP-Adapter (arXiv 2308.06721). */
export interface IpAdapterChoice {
  /** At least one. */
  images: readonly EncodedPicture[]
  /** How much they count beside the prompt; 0: not at all. Default: as the model was exported, usually 1. */
  scale?: number | undefined
}

/** Wishes that only local diffusion understands. Absent means the model's default. */
export interface DiffusionOptions {
  /** A diffusers class name or a short name such as `euler_a` or `dpm++_2m_karras`. */
  scheduler?: string | undefined
  /** Keys put over the model's own scheduler configuration. */
  schedulerConfig?: Readonly<Record<string, unknown>> | undefined
  /** Timesteps in place of the scheduler's own, from high to low; their number is that of the steps. */
  timesteps?: readonly number[] | undefined
  /** Noise levels in place of the scheduler's own, from high to low. Not together with `timesteps`. */
  sigmas?: readonly number[] | undefined
  /** Share of the rescaled prediction (arXiv 2305.08891 §3.4), 0–1. Default 0. */
  guidanceRescale?: number | undefined
  /** Layers of the text encoder to leave out at the end. Default 0. */
  clipSkip?: number | undefined
  /** Prompt of the second text encoder. Default, also when empty: the prompt. */
  prompt2?: string | undefined
  /** Prompt of the third text encoder (SD3's T5). Default, also when empty: the prompt. */
  prompt3?: string | undefined
  /** Negative prompts of the second and third text encoder. Default, also when empty: the negative prompt. */
  negativePrompt2?: string | undefined
  negativePrompt3?: string | undefined
  /** Bring the picture that FLUX Kontext looks at to the nearest size that it was trained on. Default true. */
  resizeReferences?: boolean | undefined
  /** DDIM's share of fresh noise, 0–1. Default 0. */
  eta?: number | undefined
  /** `none` cuts at the encoder's length; `a1111` and `compel` read weights and long prompts. Default `none`. */
  promptSyntax?: 'none' | 'a1111' | 'compel' | undefined
  /** Where the starting noise comes from. Default `torch-cpu`. */
  noiseSource?: 'torch-cpu' | 'numpy' | 'philox' | undefined
  /** Precision in which torch would have drawn the noise. Default `float32`. */
  noiseDtype?: 'float32' | 'float16' | 'bfloat16' | undefined
  /** Turns the starting noise towards that of another seed: 0, the default, not at all; 1 all the way. */
  variationStrength?: number | undefined
  /** That other seed. Default 0. */
  variationSeed?: number | undefined
  /** Draws the starting noise as for a picture of this size, in pixels, and lays it into the middle, so that the seed's picture stays alike. */
  seedResizeFrom?: Size | undefined
  /** What stands under a mask at first, in latent space: the source, the default; noise; or nothing. */
  maskFill?: 'source' | 'noise' | 'nothing' | undefined
  loras?: readonly LoraChoice[] | undefined
  embeddings?: readonly EmbeddingChoice[] | undefined
  controlnets?: readonly ControlNetChoice[] | undefined
  /** ControlNets act on the prompt's branch only, and less the deeper in the UNet, so that a picture can be drawn without a prompt. Default false. */
  guessMode?: boolean | undefined
  ipAdapter?: IpAdapterChoice | undefined
  /** Folder of a VAE to use in place of the model's own. */
  vae?: string | undefined
  /** Folder of an SDXL refiner. */
  refiner?: string | undefined
  /** Share of the schedule after which the base hands over, 0–1. */
  denoisingEnd?: number | undefined
  /** Share of the schedule from which this model takes over, 0–1. */
  denoisingStart?: number | undefined
  /** SDXL size conditioning, in pixels. Default: the size of the picture. */
  originalSize?: Size | undefined
  targetSize?: Size | undefined
  /** SDXL crop conditioning, in pixels. Default 0, 0. */
  cropTopLeft?: { top: number; left: number } | undefined
  /** SDXL conditioning of the negative prompt. Default: that of the prompt, as diffusers has it. */
  negativeOriginalSize?: Size | undefined
  negativeTargetSize?: Size | undefined
  negativeCropTopLeft?: { top: number; left: number } | undefined
  /** How fine a picture the SDXL refiner aims at, 1–10. Default 6. */
  aestheticScore?: number | undefined
  /** What the SDXL refiner keeps away from, 1–10. Default 2.5. */
  negativeAestheticScore?: number | undefined
  /** Tokens that a transformer's language model reads of a prompt. Default: the family's. */
  maxSequenceLength?: number | undefined
  /** Z-Image: the guided prediction may be at most this many times as long as the unguided one. Default 0: any length. */
  cfgNormalization?: number | undefined
  /** Z-Image: no guidance once the run is past this share, 0–1. Default 1. */
  cfgTruncation?: number | undefined
  /** Sana: what the language model is told before the prompt; empty: nothing. Default: as trained. */
  promptInstruction?: string | undefined
  /** Sana and PixArt: draw at the nearest size of the training and resize. Default true. */
  resolutionBinning?: boolean | undefined
  /** UniDiffuser: what kind of training pictures to draw like, 0 or 1. Default 1. */
  dataType?: number | undefined
  /** Frames of a video, one more than a multiple of 4. Default: the model's. */
  numFrames?: number | undefined
  /** Path of an ONNX super-resolution graph that enlarges the result. */
  upscale?: string | undefined
  /** Hand back the final latents too. Default false. */
  saveLatents?: boolean | undefined
}

/** One request to a backend. Absent always means the backend's or the model's default; 0 is a value. */
export interface ImageRequest {
  /** What to draw; for edits, the instruction. */
  prompt: string
  /** What to steer away from; no effect at guidance 1 or less. */
  negativePrompt?: string | undefined
  /** How many pictures, at least 1. */
  numImages: number
  /** One seed a picture, each in 0 … 2³²−1 (larger ones are taken modulo 2³²). Absent: the backend draws its own and tells them. */
  seeds?: readonly number[] | undefined
  /** Pixels of the result. Absent: the model's default, or the source's size for an edit. */
  size?: Size | undefined
  /** Denoising steps, at least 1. */
  numInferenceSteps?: number | undefined
  /** Classifier-free guidance; 0 is a value, not "unset". */
  guidanceScale?: number | undefined
  /** True classifier-free guidance of guidance-distilled models. */
  trueCfgScale?: number | undefined
  /** Present: edit these pictures instead of starting from nothing. */
  edit?: EditSource | undefined
  /** Wishes for local diffusion. */
  diffusion?: DiffusionOptions | undefined
  /** Provider-only fields, passed on untouched, such as `quality` or `background`. */
  extra?: Readonly<Record<string, unknown>> | undefined
}
