/**
 * What frameworks are told of the tag. Each part counts where that framework is installed and is nothing
 * elsewhere, which is what the comments above them are for: the module need not be there.
 */
import type { EmailChange } from './email-change.ts';
import type { ReaddressChangeEmail } from './element.ts';

type Attributes = {
  'base-url'?: string | undefined;
  'return-to'?: string | undefined;
  code?: boolean | '' | undefined;
  lang?: string | undefined;
  id?: string | undefined;
  class?: string | undefined;
  slot?: string | undefined;
  hidden?: boolean | undefined;
};
type Properties = Partial<
  Pick<ReaddressChangeEmail, 'client' | 'getAccessToken' | 'email'> & {
    strings: Partial<ReaddressChangeEmail['strings']>;
  }
>;
type Events = {
  'email-change': CustomEvent<EmailChange>;
  'sign-in-again': CustomEvent<EmailChange | undefined>;
  error: ErrorEvent;
};
type Prefixed<Prefix extends string, T> = {
  [Name in keyof T & string as `${Prefix}${Name}`]?: T[Name];
};
type Handlers<Prefix extends string> = {
  [Name in keyof Events as `${Prefix}${Name}`]?: ((event: Events[Name]) => unknown) | undefined;
};
/** `onemail-change`, as React 19 and Preact take events of custom elements. */
type Props = Attributes &
  Properties &
  Handlers<'on'> & {
    className?: string | undefined;
    key?: string | number | null | undefined;
    ref?: unknown;
  };
type SolidProps = Attributes &
  Prefixed<'prop:', Required<Properties>> &
  Handlers<'on:'> & { ref?: unknown };

// @ts-ignore
declare module 'react' {
  namespace JSX {
    interface IntrinsicElements {
      'readdress-change-email': Props;
    }
  }
}
// @ts-ignore
declare module 'preact' {
  namespace JSX {
    interface IntrinsicElements {
      'readdress-change-email': Props;
    }
  }
}
// @ts-ignore
declare module 'solid-js' {
  namespace JSX {
    interface IntrinsicElements {
      'readdress-change-email': SolidProps;
    }
  }
}
// @ts-ignore
declare module 'vue' {
  interface GlobalComponents {
    'readdress-change-email': new () => {
      $props: Attributes &
        Properties & {
          onEmailChange?: (event: Events['email-change']) => unknown;
          onSignInAgain?: (event: Events['sign-in-again']) => unknown;
          onError?: (event: ErrorEvent) => unknown;
        };
    };
  }
}
declare global {
  namespace svelteHTML {
    interface IntrinsicElements {
      'readdress-change-email': Attributes & Properties & Handlers<'on'> & Record<string, unknown>;
    }
  }
}
