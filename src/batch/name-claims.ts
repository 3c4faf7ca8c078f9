const FILE = 0
const FOLDER = 1

/** Why a name cannot be had. */
export interface NameConflict {
  name: string
  /** Position of the row that took it. */
  takenBy: number
}

/**
 * Remembers which row took which output name. A name is kept as a 64-bit hash beside its row: 21 to 43 bytes a name, however
 * long it is; ten million names share a hash by chance with a likelihood of 3 in a million. Folders are claimed too, so that
 * no row's file can be another's folder.
 */
export class NameClaims {
  readonly #fold: (name: string) => string
  #capacity = 1024
  #count = 0
  #high = new Uint32Array(this.#capacity)
  #low = new Uint32Array(this.#capacity)
  /** Twice the position plus the kind, plus 2; 0 is an empty place. */
  #owners = new Float64Array(this.#capacity)

  /** `ignoresCase`: the file system takes `A.png` and `a.png` for one file. */
  constructor({ ignoresCase }: { ignoresCase: boolean }) {
    this.#fold = ignoresCase ? (name) => name.normalize('NFC').toLowerCase() : (name) => name
  }

  /** Takes all names for a row, or none: then tells the first that another row has. Rows must ask in data set order, always the same. */
  claim(position: number, names: readonly string[]): NameConflict | undefined {
    const wanted: { hash: Hash; kind: number }[] = []
    for (const name of names) {
      const folded = this.#fold(name)
      const hash = hashText(folded, folded.length)
      const owner = this.#find(hash)
      if (owner !== undefined) return { name, takenBy: owner.position }
      wanted.push({ hash, kind: FILE })
      for (let slash = folded.lastIndexOf('/'); slash > 0; slash = folded.lastIndexOf('/', slash - 1)) {
        const folder = hashText(folded, slash)
        const holder = this.#find(folder)
        if (holder?.kind === FILE) return { name, takenBy: holder.position }
        if (!holder) wanted.push({ hash: folder, kind: FOLDER })
      }
    }
    for (const { hash, kind } of wanted) this.#put(hash, position * 2 + kind + 2)
    return undefined
  }

  #find({ high, low }: Hash): { position: number; kind: number } | undefined {
    const place = this.#placeOf(high, low)
    const owner = this.#owners[place]!
    return owner === 0 ? undefined : { position: Math.floor((owner - 2) / 2), kind: (owner - 2) % 2 }
  }

  #placeOf(high: number, low: number): number {
    const mask = this.#capacity - 1
    let place = low & mask
    while (this.#owners[place] !== 0 && (this.#high[place] !== high || this.#low[place] !== low)) place = (place + 1) & mask
    return place
  }

  #put({ high, low }: Hash, owner: number): void {
    if ((this.#count + 1) * 4 > this.#capacity * 3) this.#grow()
    const place = this.#placeOf(high, low)
    if (this.#owners[place] === 0) this.#count++
    this.#high[place] = high
    this.#low[place] = low
    this.#owners[place] = owner
  }

  #grow(): void {
    const [highs, lows, owners] = [this.#high, this.#low, this.#owners]
    this.#capacity *= 2
    this.#count = 0
    this.#high = new Uint32Array(this.#capacity)
    this.#low = new Uint32Array(this.#capacity)
    this.#owners = new Float64Array(this.#capacity)
    for (let place = 0; place < owners.length; place++) {
      if (owners[place] !== 0) this.#put({ high: highs[place]!, low: lows[place]! }, owners[place]!)
    }
  }
}

interface Hash {
  high: number
  low: number
}

/** 64 bits over the first `length` UTF-16 units, as two murmur-like lanes. */
function hashText(text: string, length: number): Hash {
  let high = 0x9e3779b9
  let low = 0x85ebca6b ^ length
  for (let at = 0; at < length; at++) {
    const unit = text.charCodeAt(at)
    high = Math.imul(high ^ unit, 0x01000193)
    high ^= high >>> 15
    low = Math.imul(low + unit, 0xcc9e2d51)
    low ^= low >>> 13
  }
  return { high: mix(high ^ low) >>> 0, low: mix(low + high) >>> 0 }
}

/** The finishing step of MurmurHash3: every bit of the input moves every bit of the output. */
function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}
