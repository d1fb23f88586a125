/** The whole story first: when it does not hold, no other failure is worth reading. */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

export class Order extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- the sequencer's own method
    const sorted = await super.sort(files);
    const isStory = (file: TestSpecification) => file.moduleId.endsWith('/test/flow.test.ts');
    return [...sorted.filter(isStory), ...sorted.filter((file) => !isStory(file))];
  }
}
