/** Which tests passed only when they were tried again: a fault that hides, so it is written down. */
import { mkdirSync, writeFileSync } from 'node:fs';
import type { Reporter, TestCase } from 'vitest/node';

export class Retried implements Reporter {
  readonly names: string[] = [];

  onTestCaseResult(test: TestCase): void {
    if ((test.diagnostic()?.retryCount ?? 0) > 0)
      this.names.push(`${test.module.moduleId}: ${test.fullName}`);
  }

  onTestRunEnd(): void {
    mkdirSync('.reports', { recursive: true });
    writeFileSync('.reports/retried.json', JSON.stringify(this.names));
  }
}
