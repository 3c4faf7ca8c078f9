/** A LoRA named in a prompt. */
export interface LoraTag {
  name: string
  scale: number
}

/** Takes `<lora:name:weight>` out of a prompt; without a weight it is 1. Further numbers, for single blocks, are left aside. */
export function takeLoraTags(prompt: string): { prompt: string; loras: LoraTag[] } {
  const loras: LoraTag[] = []
  const rest = prompt.replace(/<(?:lora|lyco):([^:<>]+)(?::([^<>]*))?>/g, (_, name: string, weights: string | undefined) => {
    const scale = Number.parseFloat(weights ?? '1')
    loras.push({ name: name.trim(), scale: Number.isNaN(scale) ? 1 : scale })
    return ''
  })
  return { prompt: rest.trim(), loras }
}
