// Originals, taken before any script of the page runs, and replacements that look and behave like them.

const scope = globalThis;
const nothing = () => undefined;

const native = {
  setTimeout: scope.setTimeout.bind(scope),
  setInterval: scope.setInterval.bind(scope),
  clearInterval: scope.clearInterval.bind(scope),
  WebSocket: scope.WebSocket,
  AudioContext: scope.AudioContext,
  MediaStream: scope.MediaStream,
  AudioDecoder: scope.AudioDecoder,
  Worker: scope.Worker,
};

/** Milliseconds since 1970, from the clock that frames are stamped with. */
const epochMs = () => performance.timeOrigin + performance.now();

/** Replaces a method. `around(call, self, args)` gives its result; `call(...args)` runs the original. */
function patchMethod(owner, name, around) {
  const descriptor = owner && Object.getOwnPropertyDescriptor(owner, name);
  if (typeof descriptor?.value !== 'function') return;
  const value = new Proxy(descriptor.value, {
    apply: (target, self, args) => around((...changed) => Reflect.apply(target, self, changed), self, args),
  });
  Object.defineProperty(owner, name, { ...descriptor, value });
}

/** Lets `before(self, value)` see what a property is set to. */
function watchSetter(owner, name, before) {
  const descriptor = owner && Object.getOwnPropertyDescriptor(owner, name);
  if (!descriptor?.set) return;
  const set = new Proxy(descriptor.set, {
    apply: (target, self, args) => {
      before(self, args[0]);
      return Reflect.apply(target, self, args);
    },
  });
  Object.defineProperty(owner, name, { ...descriptor, set });
}

/** Replaces what reading a property gives: `around(value, self)`. */
function patchGetter(owner, name, around) {
  const descriptor = owner && Object.getOwnPropertyDescriptor(owner, name);
  if (!descriptor?.get) return;
  const get = new Proxy(descriptor.get, {
    apply: (target, self, args) => around(Reflect.apply(target, self, args), self),
  });
  Object.defineProperty(owner, name, { ...descriptor, get });
}

/** Replaces a global class. `around(construct, args)` gives the instance. `instance.constructor` stays the global. */
function patchConstructor(name, around) {
  const descriptor = Object.getOwnPropertyDescriptor(scope, name);
  if (typeof descriptor?.value !== 'function') return;
  const value = new Proxy(descriptor.value, {
    construct: (target, args, newTarget) => around((changed) => Reflect.construct(target, changed, newTarget), args),
  });
  Object.defineProperty(value.prototype, 'constructor', {
    ...Object.getOwnPropertyDescriptor(value.prototype, 'constructor'),
    value,
  });
  for (const alias of [name, 'webkit' + name]) {
    if (scope[alias] === descriptor.value) {
      Object.defineProperty(scope, alias, { ...Object.getOwnPropertyDescriptor(scope, alias), value });
    }
  }
}
