import { describe, expect, it } from 'vitest'
import { ask, txt2img } from './a1111-requests.ts'
import { lookAt, makePng } from './pictures.ts'
import { fromBase64, post, readJson, startTestServer } from './test-server.ts'

describe('AUTOMATIC1111: what clients send', () => {
  it('answers Open WebUI: options, a switch of the model, the list, and a drawing', async () => {
    const server = await startTestServer()
    const headers = { authorization: '' }
    expect((await ask(server, 'options', headers)).sd_model_checkpoint).toBe('acme/fake-1')
    const switched = await post(server, '/sdapi/v1/options', { sd_model_checkpoint: 'fake-1' }, headers)
    expect([switched.status, await readJson(switched)]).toEqual([200, null])
    for (const model of await ask(server, 'sd-models', headers))
      expect([model.title, model.model_name]).toEqual(['acme/fake-1', 'acme/fake-1'])
    const body = { prompt: 'a cat', batch_size: 1, width: 512, height: 512, steps: 20, negative_prompt: 'blur' }
    const answer = await readJson(await txt2img(server, body, headers))
    expect(await lookAt(fromBase64(answer.images[0]))).toMatchObject({ width: 512, height: 512 })
    expect(answer.info).toEqual(expect.any(String))
  })

  it('answers SillyTavern: a ping, its menus, a switch of the model, a drawing and its end', async () => {
    const server = await startTestServer()
    expect((await fetch(`${server.url}/sdapi/v1/options`)).status).toBe(200)
    for (const menu of ['samplers', 'schedulers', 'upscalers', 'latent-upscale-modes']) {
      for (const entry of await ask(server, menu)) expect(entry.name).toEqual(expect.any(String))
    }
    expect((await ask(server, 'sd-models'))[0].title).toBe('acme/fake-1')
    for (const menu of ['sd-vae', 'sd-modules']) expect(await ask(server, menu)).toEqual([])
    await post(server, '/sdapi/v1/options', { sd_model_checkpoint: 'acme/fake-1' })
    expect(await ask(server, 'progress')).toMatchObject({ progress: 0, state: { job_count: 0 } })
    const answer = await txt2img(server, {
      prompt: 'a cat',
      negative_prompt: 'blur',
      sampler_name: 'Euler a',
      scheduler: 'Karras',
      steps: 20,
      cfg_scale: 7,
      width: 512,
      height: 768,
      restore_faces: false,
      enable_hr: false,
      hr_upscaler: 'Latent',
      hr_scale: 2,
      hr_additional_modules: [],
      denoising_strength: 0.7,
      hr_second_pass_steps: 0,
      seed: -1,
      override_settings: { CLIP_stop_at_last_layers: 1 },
      override_settings_restore_afterwards: true,
      clip_skip: 1,
      save_images: true,
      send_images: true,
      do_not_save_grid: false,
      do_not_save_samples: false,
    })
    expect((await readJson(answer)).images).toHaveLength(1)
    expect((await post(server, '/sdapi/v1/interrupt', '')).status).toBe(200)
    expect((await fetch(server.url, { method: 'HEAD' })).status).toBe(200)
  })

  it('answers LibreChat, which reads the info as text', async () => {
    const server = await startTestServer({ abilities: { maxInferenceSteps: undefined } })
    const body = { prompt: 'a cat', negative_prompt: 'blur', cfg_scale: 4.5, steps: 22, width: 1024, height: 1024 }
    const { images, info } = await readJson(await txt2img(server, body))
    const { infotexts, seed, width, height } = JSON.parse(info)
    expect(images[0]).toMatch(/^iVBOR/)
    expect([width, height]).toEqual([1024, 1024])
    expect(infotexts[0]).toContain(`Seed: ${seed}`)
  })

  it('wants a user and a password once keys are set', async () => {
    const server = await startTestServer({ settings: { apiKey: ['secret'] } })
    const response = await txt2img(server, { prompt: 'x' })
    expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, 'Basic'])
    expect(await readJson(response)).toEqual({ detail: 'Incorrect username or password' })
    expect((await txt2img(server, { prompt: 'x' }, { authorization: `Basic ${btoa('me:wrong')}` })).status).toBe(401)
    expect((await txt2img(server, { prompt: 'x' }, { authorization: `Basic ${btoa('me:secret')}` })).status).toBe(200)
  })

  it('refuses to switch to a model that is not served', async () => {
    const server = await startTestServer()
    const response = await post(server, '/sdapi/v1/options', { sd_model_checkpoint: 'other.safetensors [abcdef1234]' })
    expect([response.status, (await readJson(response)).detail]).toEqual([404, 'Checkpoint other.safetensors not found'])
  })
})

describe('AUTOMATIC1111: extras', () => {
  it('enlarges by a factor or to a size', async () => {
    const server = await startTestServer()
    const image = (await makePng(20, 10)).toString('base64')
    const enlarge = async (fields: object) => {
      const answer = await readJson(await post(server, '/sdapi/v1/extra-single-image', { image, ...fields }))
      const { width, height } = await lookAt(fromBase64(answer.image))
      return [width, height]
    }
    expect(await enlarge({ upscaling_resize: 3, upscaler_1: 'Nearest' })).toEqual([60, 30])
    expect(await enlarge({ upscaler_1: 'None' })).toEqual([20, 10])
    const size = { resize_mode: 1, upscaling_resize_w: 40, upscaling_resize_h: 40 }
    expect(await enlarge(size)).toEqual([40, 40])
    expect(await enlarge({ ...size, upscaling_crop: false })).toEqual([40, 20])
    const batch = { imageList: [{ data: image, name: 'a.png' }], upscaling_resize: 2 }
    const { images } = await readJson(await post(server, '/sdapi/v1/extra-batch-images', batch))
    expect(await lookAt(fromBase64(images[0]))).toMatchObject({ width: 40, height: 20 })
  })

  it('tells from a picture how it was made', async () => {
    const server = await startTestServer()
    const drawn = await readJson(await txt2img(server, { prompt: 'a cat', negative_prompt: 'blur', seed: 9, steps: 3 }))
    const told = await readJson(await post(server, '/sdapi/v1/png-info', { image: drawn.images[0] }))
    expect(told.info).toBe(JSON.parse(drawn.info).infotexts[0])
    expect(told.items.parameters).toBe(told.info)
    expect(told.parameters).toMatchObject({ Prompt: 'a cat', 'Negative prompt': 'blur', Seed: '9', Steps: '3', 'Size-1': '64' })
    const plain = (await makePng(8, 8)).toString('base64')
    expect(await readJson(await post(server, '/sdapi/v1/png-info', { image: plain }))).toEqual({
      info: '',
      items: {},
      parameters: {},
    })
  })
})
