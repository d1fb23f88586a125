/** How the element looks. `style-src 'self'` would stop a style element: the sheet is adopted. */
const STYLE =
  ':host{display:block}' +
  ':host([hidden]),[hidden]{display:none!important}' +
  '[part~=base]{display:flow-root;max-width:28em;margin-bottom:-.75em}' +
  '[part~=base]:focus{outline:0}' +
  'p,input,button{margin:0 0 .75em;overflow-wrap:anywhere}' +
  'form{display:grid}' +
  '[part=actions]{display:flex;flex-wrap:wrap;gap:0 .75em}' +
  'label{margin-bottom:.375em}' +
  'input,button{font:inherit;min-height:2.75em;padding:.5em .9em;border:1px solid transparent;border-radius:var(--readdress-radius,.5em);box-sizing:border-box;flex:auto}' +
  'input{border-color:var(--readdress-border,#767676);background:var(--readdress-field,Field);color:var(--readdress-text,FieldText)}' +
  'button{background:var(--readdress-accent,#2457d6);color:var(--readdress-on-accent,#fff);cursor:pointer}' +
  'button[part~=quiet]{background:none;color:inherit;border-color:currentColor}' +
  'button[aria-disabled=true]{opacity:.6}' +
  ':focus-visible{outline:3px solid var(--readdress-focus,light-dark(#2457d6,#93b2ff));outline-offset:2px}' +
  'label,[part=address],[part=error]{font-weight:600}' +
  '[part=error]{color:var(--readdress-error,light-dark(#b3261e,#ff8f86))}';
export function adoptStyle(root: ShadowRoot): void {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  root.adoptedStyleSheets = [sheet];
}
