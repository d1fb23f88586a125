// Loaded with --import: the wall clock of this process is off by CLOCK_OFF_MS, as on a machine without NTP.
const off = Number(process.env.CLOCK_OFF_MS ?? 0);
const RightDate = Date;
const now = () => RightDate.now() + off;
globalThis.Date = class extends RightDate {
  constructor(...args) {
    super(...(args.length === 0 ? [now()] : args));
  }
  static now() {
    return now();
  }
};
