/** Nodes that are made once, and then only given other words. */
export type Attributes = Record<string, string>;

export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  part: string,
  attributes: Attributes = {},
  ...children: Node[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries({ part, ...attributes }))
    element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** A live region is there before its words are, and stays: else nothing is announced. */
export const live = (role: 'status' | 'alert', words: HTMLElement): HTMLElement =>
  make('div', 'live', { role }, words);

/** Touches nothing that says so already. */
export function say(node: HTMLElement, text: string, email = ''): void {
  const parts = text.split('{email}');
  node.hidden = !text;
  if (node.textContent === parts.join(email)) return;
  const address = make('bdi', 'address');
  address.textContent = email;
  node.replaceChildren(...parts.flatMap((part, nth) => (nth > 0 ? [address, part] : part)));
}
