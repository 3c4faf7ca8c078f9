import { DiffgentorError } from '../errors.ts'

/** An execution provider as ONNX Runtime takes it. */
export interface ExecutionProvider {
  name: string
  deviceId?: number
  validationMode?: 'disabled'
}

const PROVIDERS = ['cpu', 'webgpu', 'cuda', 'tensorrt', 'coreml', 'dml'] as const

/** Providers for a device word such as `cpu` or `cuda:1`. `auto` is the CPU, the one provider that is there on every machine. */
export function providersForDevice(device = 'auto'): ExecutionProvider[] {
  const [name = '', index] = device.trim().toLowerCase().split(':')
  if (name === 'auto') return [{ name: 'cpu' }]
  return [toProvider(name, index, device)]
}

/** Providers by their own names, in order of preference; the long Python names are understood too. */
export function providersByName(names: readonly string[]): ExecutionProvider[] {
  return names.map((given) => {
    const [name = '', index] = given
      .trim()
      .toLowerCase()
      .replace(/executionprovider$/, '')
      .split(':')
    return toProvider(name, index, given)
  })
}

function toProvider(name: string, index: string | undefined, given: string): ExecutionProvider {
  if (!PROVIDERS.some((known) => known === name) || (index !== undefined && !/^\d+$/.test(index))) {
    throw new DiffgentorError(
      'invalid_configuration',
      `The device must be auto or one of ${PROVIDERS.join(', ')} (with :N for a second card), got "${given}".`,
      { field: 'device' },
    )
  }
  const provider: ExecutionProvider = { name }
  if (index !== undefined) provider.deviceId = Number(index)
  if (name === 'webgpu') provider.validationMode = 'disabled'
  return provider
}
