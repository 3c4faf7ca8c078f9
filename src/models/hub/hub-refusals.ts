import { DiffgentorError } from '../../errors.ts'
import type { HubId } from '../hub-cache.ts'
import type { HubResponse } from './hub-transport.ts'

export interface Refused {
  id: HubId
  endpoint: URL
  hasToken: boolean
  /** The file that was asked for, when it was one. */
  path?: string | undefined
}

/** What an answer that is no success means for the user. */
export function describeRefusal({ statusCode, headers }: HubResponse, refused: Refused): DiffgentorError {
  const { id, endpoint, hasToken, path } = refused
  const reason = headers['x-error-code']
  const page = `${endpoint.origin}${endpoint.pathname}${id.repository}`
  const token = hasToken ? 'with the account whose token is used' : 'and set HF_TOKEN to a token of your account'
  if (statusCode === 404 || reason === 'RevisionNotFound') return notFound(refused)
  if (reason === 'GatedRepo') {
    const sentence = `The repository ${id.repository} is gated: accept its conditions on ${page} ${token}.`
    return new DiffgentorError('upstream_authentication', sentence, { field: 'model_name' })
  }
  if (statusCode === 401 || statusCode === 403) {
    // The hub answers alike for what is private, gated or not there, so that nobody learns which.
    const sentence = `The hub does not give out ${id.repository} (status ${statusCode}): it does not exist, is private or is gated; check the name, or accept its conditions on ${page} ${token}.`
    return new DiffgentorError('upstream_authentication', sentence, { field: 'model_name' })
  }
  const what = path === undefined ? id.repository : `${path} of ${id.repository}`
  const sentence = `The hub answers for ${what} with status ${statusCode}; try again later.`
  return new DiffgentorError(statusCode === 429 ? 'upstream_rate_limit' : 'upstream_unavailable', sentence)
}

function notFound({ id, endpoint, path }: Refused): DiffgentorError {
  const { repository, revision } = id
  const at = revision === undefined ? '' : ` at revision ${revision}`
  const what = path === undefined ? `no model ${repository}${at}` : `no file ${path} in ${repository}${at}`
  return new DiffgentorError('model_not_found', `There is ${what} on ${endpoint.host}; check the name.`, { field: 'model_name' })
}
