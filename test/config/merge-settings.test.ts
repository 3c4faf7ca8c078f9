import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { mergeSettings } from '../../src/config/merge-settings.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'diffgentor-config-'))
})

const merge = (flags: Record<string, unknown> = {}, environment: NodeJS.ProcessEnv = {}) =>
  mergeSettings('t2i', flags, { environment, folder })

describe('precedence', () => {
  it('takes the flag over the variable over the file over the built-in default', () => {
    expect(merge().values.batchSize).toBe(1)
    writeFileSync(join(folder, 'diffgentor.config.yaml'), 'batch_size: 2\n')
    expect(merge().values.batchSize).toBe(2)
    const environment = { DG_T2I_BATCH_SIZE: '3' }
    expect(merge({}, environment).values.batchSize).toBe(3)
    expect(merge({ batch_size: '4' }, environment).values.batchSize).toBe(4)
  })

  it('takes the section of the command over the top of the file', () => {
    writeFileSync(join(folder, 'diffgentor.config.json'), '{"num_inference_steps": 10, "t2i": {"num_inference_steps": 20}}')
    expect(merge().values.numInferenceSteps).toBe(20)
    expect(mergeSettings('edit', {}, { environment: {}, folder }).values.numInferenceSteps).toBe(10)
  })

  it("takes the command's own variable over the shared one", () => {
    const environment = { DG_MODEL_NAME: 'shared', DG_T2I_MODEL_NAME: 'own' }
    expect(merge({}, environment).values.modelName).toBe('own')
    expect(mergeSettings('edit', {}, { environment, folder }).values.modelName).toBe('shared')
  })

  it('tells where each value came from', () => {
    writeFileSync(join(folder, 'diffgentor.config.yaml'), 'seed: 7\n')
    const { sources } = merge({ prompt: ['x'] }, { DG_BACKEND: 'fake' })
    expect(sources.get('seed')?.source).toBe('diffgentor.config.yaml')
    expect(sources.get('backend')?.source).toBe('DG_BACKEND')
    expect(sources.get('prompt')?.source).toBe('--prompt')
    expect(sources.get('output_dir')?.source).toBe('built-in default')
  })

  it('takes a size over sides that were given further away, and sides over a size beside them', () => {
    writeFileSync(join(folder, 'diffgentor.config.yaml'), 'width: 512\nheight: 512\n')
    const { values, sources } = merge({ size: '64x32', height: '48' })
    expect(values).toMatchObject({ size: { width: 64, height: 32 }, width: undefined, height: 48 })
    expect(sources.has('width')).toBe(false)
    expect(merge({}, { DG_T2I_SIZE: '64x32', DG_T2I_WIDTH: '16' }).values).toMatchObject({ width: 16, height: undefined })
  })

  it('keeps 0 and false, which are values', () => {
    const { values } = merge({ guidance_scale: '0', seed: '0', metadata: false })
    expect(values).toMatchObject({ guidanceScale: 0, seed: 0, metadata: false })
  })

  it('reads the variables of other programs', () => {
    const { values } = merge({}, { GOOGLE_API_KEY: 'k', OPENAI_API_BASE: 'http://127.0.0.1:1/v1', DG_ONNX_INTRA_OP_THREADS: '2' })
    expect(values).toMatchObject({ geminiApiKey: 'k', openaiBaseUrl: 'http://127.0.0.1:1/v1', intraOpThreads: 2 })
  })
})

describe('reading values', () => {
  it.each(['true', '1', 'Yes', 'ON'])('reads %s as true', (word) => {
    expect(merge({}, { DG_T2I_CONTACT_SHEET: word }).values.contactSheet).toBe(true)
  })

  it.each(['false', '0', 'no', 'off'])('reads %s as false', (word) => {
    expect(merge({}, { DG_T2I_METADATA: word }).values.metadata).toBe(false)
  })

  it('counts an empty variable as unset', () => {
    expect(merge({}, { DG_T2I_METADATA: '', OPENAI_API_KEY: '' }).values).toMatchObject({
      metadata: true,
      openaiApiKey: undefined,
    })
  })

  it('reads lists, records, sizes and LoRA choices', () => {
    const { values } = merge({
      lora: ['a.safetensors:0.5', 'C:\\b.safetensors'],
      extra: ['quality=high', 'n=2'],
      size: '640x480',
    })
    expect(values.lora).toEqual([
      { path: 'a.safetensors', weight: 0.5 },
      { path: 'C:\\b.safetensors', weight: 1 },
    ])
    expect(values.extra).toEqual({ quality: 'high', n: 2 })
    expect(values.size).toEqual({ width: 640, height: 480 })
  })

  it('reads a record from a JSON file too', () => {
    const file = join(folder, 'scheduler.json')
    writeFileSync(file, '{"use_karras_sigmas": true}')
    expect(merge({ scheduler_config: [file] }).values.schedulerConfig).toEqual({ use_karras_sigmas: true })
    expect(() => merge({ scheduler_config: [join(folder, 'absent.json')] })).toThrow('a .json file that holds one, got')
  })

  it('keeps commas inside prompts', () => {
    expect(merge({ prompt: ['a cat, a dog'] }).values.prompt).toEqual(['a cat, a dog'])
  })
})

describe('bad values', () => {
  it.each([
    [{ batch_size: '0' }, {}, '--batch_size expects a whole number from 1 to 1024, got "0".'],
    [{}, { DG_T2I_BATCH_SIZE: 'many' }, 'The variable DG_T2I_BATCH_SIZE expects a whole number from 1 to 1024, got "many".'],
    [{ output_format: 'bmp' }, {}, '--output_format expects one of png, jpeg, webp, avif, got "bmp".'],
    [{ size: '64' }, {}, '--size expects a size such as 1024x768, got "64".'],
  ])('names the place of %j %j', (flags, environment, message) => {
    expect(() => merge(flags, environment)).toThrow(message)
  })

  it('offers the nearest setting for an unknown key of the file', () => {
    writeFileSync(join(folder, 'diffgentor.config.json'), '{"batchsize": 2}')
    expect(() => merge()).toThrow(/there is no setting "batchsize"; did you mean "batch_size"\?/)
  })

  it('says that a configuration file cannot be read', () => {
    writeFileSync(join(folder, 'diffgentor.config.json'), '{')
    expect(() => merge()).toThrow(/cannot be used: it cannot be read/)
    expect(() => merge({ config: 'absent.yaml' })).toThrow(/absent\.yaml cannot be used/)
  })

  it('warns of an unknown DG_ variable with the nearest known one', () => {
    expect(merge({}, { DG_T2I_BATCHSIZE: '2' }).warnings).toEqual([
      'The variable DG_T2I_BATCHSIZE is not known and has no effect. Did you mean DG_T2I_BATCH_SIZE?',
    ])
  })

  it('never repeats a secret', () => {
    writeFileSync(join(folder, 'diffgentor.config.json'), '{"openai_api_key": {"a": "s3cret"}}')
    expect(() => merge()).toThrow(expect.not.objectContaining({ message: expect.stringContaining('s3cret') }))
  })
})
