/**
 * The whole story first: when it does not hold, no other failure is worth reading. Then the long files,
 * with the browsers spread among them, since a few of those at a time are as much as two cores bear.
 */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

type Files = TestSpecification[];
const is = (ending: string) => (file: TestSpecification) => file.moduleId.endsWith(ending);

export class Order extends BaseSequencer {
  override async sort(files: Files): Promise<Files> {
    // oxlint-disable-next-line unicorn/no-array-sort -- the sequencer's own method
    const sorted = await super.sort(files);
    const story = sorted.filter(is('/test/flow.test.ts'));
    const browsers = sorted.filter(is('.browser.test.ts'));
    const others = sorted.filter((file) => !story.includes(file) && !browsers.includes(file));
    return [...story, ...spread(browsers, others)];
  }
}

/** Every fourth is one of the few, as long as there are any. */
const spread = (few: Files, many: Files): Files => [
  ...few.flatMap((file, i) => [file, ...many.slice(3 * i, 3 * i + 3)]),
  ...many.slice(3 * few.length),
];
