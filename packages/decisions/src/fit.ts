import type { Actor, BaggageKeys, BatchList, BatchParts, DecisionOptions, Model, StreamItems } from './options.js';
import type { RedactRule } from './redact/rules.js';

// A constraint for "any function": `unknown` here would refuse functions that declare their parameters.
export type AnyFunction = (this: any, ...args: any[]) => any;

/**
 * The options that fit a function: their callbacks take its parameters and what it returns or resolves to; in a batch,
 * one row and the decision about it.
 */
export interface OptionsFor<F extends AnyFunction, Batch> extends Omit<
  DecisionOptions<ArgsOf<F, Batch>, DecisionOf<F, Batch>>,
  'batch'
> {
  // TypeScript takes the types of its callbacks from the first of the two, and shows the second in its messages.
  batch?: BatchParts<Parameters<F>, ResultOf<F>> | BatchFlag<F, Batch>;
}

/** What callbacks get of a call: its arguments or, of a batch, one row and all arguments but the first. */
type ArgsOf<F extends AnyFunction, Batch> = Batch extends true
  ? [row: ElementOf<Parameters<F>[0]>, ...Rest<Parameters<F>>]
  : Batch extends { rows: (...args: any) => infer Rows }
    ? [row: ElementOf<Rows>, ...Rest<Parameters<F>>]
    : Parameters<F>;

/** What callbacks get as the result: of a batch, the decision about one row. */
type DecisionOf<F extends AnyFunction, Batch> = Batch extends true
  ? ElementOf<ResultOf<F>>
  : Batch extends { decisions: (...args: any) => infer Decisions }
    ? ElementOf<Decisions>
    : ResultOf<F>;

/** What an async function resolves to, and of a stream, what it yielded. */
type ResultOf<F extends AnyFunction> = Settled<Awaited<ReturnType<F>>>;
type Settled<R> =
  IsAny<R> extends true
    ? R
    : R extends Iterator<infer Item, infer Returned, any> | AsyncIterator<infer Item, infer Returned, any>
      ? StreamItems<Item, Awaited<Returned>>
      : R extends AsyncIterable<infer Item>
        ? StreamItems<Item>
        : R;

type ElementOf<List> = IsAny<List> extends true ? any : List extends ArrayLike<infer Item> ? Item : never;
type Rest<Args extends readonly unknown[]> = Args extends readonly [unknown?, ...infer Others] ? Others : [];
type IsAny<T> = 0 extends 1 & T ? true : false;

/** What is given for `batch`, or what is wrong with `true`. */
type BatchFlag<F extends AnyFunction, Batch> = [Batch] extends [true]
  ? Parameters<F>[0] extends BatchList
    ? ResultOf<F> extends BatchList
      ? Batch
      : 'batch: true needs a function that returns a list of decisions'
    : 'batch: true needs a function whose first parameter is a list of rows'
  : boolean extends Batch
    ? Batch
    : Extract<Batch, false | undefined>;

/**
 * The options themselves; where they have a member that there is not, the type that lacks it: TypeScript looks for such
 * members only where a type is given, not where it infers one.
 */
export type Known<Options> = true extends
  | HasOther<Options, DecisionOptions>
  | HasOther<MemberOf<Options, 'model'>, Model>
  | HasOther<MemberOf<Options, 'actor'>, Actor>
  | HasOther<MemberOf<Options, 'baggage'>, BaggageKeys>
  | HasOther<MemberOf<Options, 'batch'>, BatchParts<any, any>>
  | HasOther<ElementOf<MemberOf<Options, 'redact'>>, RedactRule>
  ? DecisionOptions
  : Options;

type HasOther<T, Type> = T extends object ? ([keyof T] extends [keyof Type] ? false : true) : false;
type MemberOf<T, Name> = Name extends keyof T ? T[Name] : undefined;

/**
 * What can be decorated with some options by a decorator called with these arguments; else what is wrong with it, in
 * words that TypeScript shows.
 *
 * @typeParam Target A function; a method, under `experimentalDecorators` the object that it is a method of; undefined for
 * a field.
 * @typeParam Context What standard decorators get as second argument, under `experimentalDecorators` the method's name.
 * @typeParam Descriptor What `experimentalDecorators` get as third argument.
 */
export type Decoratable<Options, Target, Context, Descriptor> = [
  Problem<Options, Target, Context, Descriptor>,
] extends [never]
  ? Target
  : Problem<Options, Target, Context, Descriptor>;

/** What such a call returns; anything where it is wrong, so that one mistake is one message. */
export type Decorated<Options, Target, Context, Descriptor> = [Problem<Options, Target, Context, Descriptor>] extends [
  never,
]
  ? [Descriptor] extends [undefined]
    ? Context extends ClassFieldDecoratorContext<infer This, infer Value>
      ? (this: This, value: Value) => Value
      : Target
    : // Not the bare parameter, which would be inferred from what the result is assigned to.
      Descriptor extends infer Same
      ? Same
      : never
  : any;

type Problem<Options, Target, Context, Descriptor> = [Descriptor] extends [undefined]
  ? [Context] extends [undefined | { kind: 'method' }]
    ? ProblemWith<Options, Target, 'other values'>
    : Context extends ClassFieldDecoratorContext<any, infer Value>
      ? ProblemWith<Options, Value, 'a field that holds something else'>
      : Context extends { kind: 'class' }
        ? NotDecoratable<'a class'>
        : Context extends { kind: 'getter' | 'setter' | 'accessor' }
          ? NotDecoratable<'an accessor'>
          : NotDecoratable<'a property'>
  : Descriptor extends TypedPropertyDescriptor<infer Method>
    ? ProblemWith<Options, Method, 'an accessor'>
    : NotDecoratable<'a parameter'>;

type ProblemWith<Options, Value, Otherwise extends string> = unknown extends Value
  ? never
  : Value extends AnyFunction
    ? Misfit<Options, Value>
    : NotDecoratable<Value extends abstract new (...args: any) => any ? 'a class' : Otherwise>;

type NotDecoratable<What extends string> =
  `audited() decorates functions and methods, not ${What}: put it on the method that decides`;

/** Those of the options that do not fit a function, as they must be; nothing where all fit. */
type Misfit<Options, F extends AnyFunction, Fitting = OptionsFor<F, MemberOf<Options, 'batch'>>> =
  IsAny<Options> extends true
    ? never
    : Options extends Fitting
      ? never
      : {
          'audited: these options do not fit the decorated function; they must be': {
            [Name in keyof Options & keyof Fitting as Options[Name] extends Fitting[Name] ? never : Name]: Exclude<
              Fitting[Name],
              undefined
            >;
          };
        };
