import { DiffgentorError } from '../errors.ts'
import { readConfig } from './config-fields.ts'
import type { CustomLists, PredictionType, ScheduleOptions, Scheduler } from './scheduler.ts'
import type { AnySchedulerKind, CustomSchedule } from './scheduler-kind.ts'
import { SCHEDULER_KINDS } from './scheduler-kinds.ts'
import { resolveSchedulerName, SCHEDULER_ALIASES } from './scheduler-names.ts'
import { createRun } from './scheduler-run.ts'

/** Which scheduler, for which model. */
export interface CreateSchedulerOptions {
  /** A diffusers class name or a short name; absent: the class that the model's configuration names. */
  name?: string | undefined
  /** The model's parsed scheduler_config.json; see `parseSchedulerConfig`. */
  modelConfig: Readonly<Record<string, unknown>>
  /** Keys put over the model's configuration. They win over what the name implies. */
  overrides?: Readonly<Record<string, unknown>> | undefined
}

/**
 * Makes a scheduler for a model, of the model's own class or of another one that keeps the model's configuration.
 *
 * @throws DiffgentorError `invalid_request` for an unknown name or option and for a class that does not fit the model.
 */
export function createScheduler({ name, modelConfig, overrides = {} }: CreateSchedulerOptions): Scheduler {
  const resolved = resolveSchedulerName(name ?? classNameOf(modelConfig))
  const kind = findKind(resolved.className)!
  const config = readConfig(kind.className, kind.fields, modelConfig, { ...resolved.overrides, ...overrides })
  const predictionType = predictionTypeOf(kind, config)
  checkFit(kind, predictionType, modelConfig)
  const layOut = kind.prepare(config as never)
  return {
    className: kind.className,
    predictionType,
    config,
    numTrainTimesteps: config['num_train_timesteps'] as number,
    warning: resolved.warning ?? kind.warning,
    alignsSteps: resolved.alignsSteps ?? false,
    checkLists: (lists) => checkLists(kind, lists),
    startRun(options) {
      checkLists(kind, options)
      checkSteps(options)
      return createRun(layOut(countSteps(options)), options)
    },
  }
}

function findKind(name: unknown): AnySchedulerKind | undefined {
  return SCHEDULER_KINDS.find(({ className }) => className === name)
}

function classNameOf(modelConfig: Readonly<Record<string, unknown>>): string {
  const className = modelConfig['_class_name']
  if (typeof className === 'string') return className
  throw new DiffgentorError('model_unreadable', 'The scheduler_config.json names no _class_name; choose a scheduler by name.', {
    field: 'scheduler',
  })
}

function predictionTypeOf(kind: AnySchedulerKind, config: Readonly<Record<string, unknown>>): PredictionType {
  const configured = config['prediction_type'] as PredictionType | undefined
  if (configured === undefined) return kind.predictions[0]!
  if (kind.predictions.includes(configured)) return configured
  throw new DiffgentorError(
    'unsupported',
    `${kind.className} cannot work with ${configured} predictions, only with ${kind.predictions.join(', ')}.`,
    { field: 'scheduler' },
  )
}

const FLOW_PREDICTIONS: readonly PredictionType[] = ['flow_prediction', 'trigflow']
const isFlow = (type: PredictionType) => FLOW_PREDICTIONS.includes(type)

/** Refuses a scheduler of the other sort: rectified-flow models and noise-predicting ones cannot share. */
function checkFit(kind: AnySchedulerKind, predictionType: PredictionType, modelConfig: Readonly<Record<string, unknown>>): void {
  const modelType = modelPredictionType(modelConfig)
  if (modelType === undefined || isFlow(modelType) === isFlow(predictionType)) return
  const fits = ({ predictions }: AnySchedulerKind) => predictions.some((type) => isFlow(type) === isFlow(modelType))
  const advice = fits(kind)
    ? `set prediction_type to ${modelType}${isFlow(modelType) ? ' and use_flow_sigmas to true' : ''}`
    : `fitting ones are ${SCHEDULER_KINDS.filter(fits)
        .map(({ className }) => className)
        .join(', ')}`
  throw new DiffgentorError(
    'unsupported',
    `${kind.className} with ${predictionType} predictions does not fit this model, which makes ${modelType} predictions; ${advice}.`,
    { field: 'scheduler' },
  )
}

/** What the model was trained to predict, by its own scheduler's configuration. */
function modelPredictionType(modelConfig: Readonly<Record<string, unknown>>): PredictionType | undefined {
  const own = findKind(modelConfig['_class_name'])
  if (own === undefined) return undefined
  const configured = modelConfig['prediction_type'] as PredictionType | undefined
  return configured !== undefined && own.predictions.includes(configured) ? configured : own.predictions[0]
}

function checkLists(kind: AnySchedulerKind, lists: CustomLists): void {
  for (const way of ['timesteps', 'sigmas'] satisfies CustomSchedule[]) {
    const given = lists[way]
    if (given === undefined) continue
    if (!kind.custom?.includes(way)) {
      throw new DiffgentorError('unsupported', `${kind.className} takes no list of ${way}.`, { field: way })
    }
    if (given.length === 0) throw new DiffgentorError('invalid_request', `The list of ${way} is empty.`, { field: way })
  }
  if (lists.timesteps !== undefined && lists.sigmas !== undefined) {
    throw new DiffgentorError('invalid_request', 'Give timesteps or sigmas, not both.', { field: 'sigmas' })
  }
}

function checkSteps(options: ScheduleOptions): void {
  if (!Number.isInteger(options.numInferenceSteps) || options.numInferenceSteps < 1) {
    throw new DiffgentorError(
      'invalid_request',
      `The number of inference steps is a whole number of at least 1, not ${options.numInferenceSteps}.`,
      {
        field: 'num_inference_steps',
      },
    )
  }
}

/** Fills in the number of steps that a list stands for. */
function countSteps(options: ScheduleOptions): ScheduleOptions {
  return options.timesteps === undefined ? options : { ...options, numInferenceSteps: options.timesteps.length }
}

/** One class as lists and help texts show it. */
export interface SchedulerListing {
  readonly className: string
  /** Short names, the usual one first. */
  readonly names: readonly string[]
  readonly predictions: readonly PredictionType[]
  /** Keys that overrides may set. */
  readonly options: readonly string[]
}

/** Every scheduler with its names, for help texts and lists. */
export function listSchedulers(): SchedulerListing[] {
  return SCHEDULER_KINDS.map(({ className, predictions, fields }) => ({
    className,
    names: SCHEDULER_ALIASES.filter((alias) => alias.className === className).flatMap(({ names }) => names),
    predictions,
    options: Object.keys(fields),
  }))
}
