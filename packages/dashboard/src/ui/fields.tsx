import type { ComponentChildren, JSX } from 'preact';
import { useId } from 'preact/hooks';

interface FieldProps {
  readonly label: string;
  readonly value: string;
  readonly onValue: (value: string) => void;
}

type TextProps = FieldProps & {
  readonly type?: 'text' | 'url' | 'password';
  readonly placeholder?: string;
  readonly autocomplete?: string;
  readonly readOnly?: boolean;
  readonly required?: boolean;
  /** What is wrong with the value, as a sentence. */
  readonly problem?: string | null;
};

/** One line of text. What people type here are names for machines: no correction, no capitals. */
export function TextField({ label, value, onValue, problem, type = 'text', ...rest }: TextProps): JSX.Element {
  const id = useId();
  return (
    <Field id={id} label={label}>
      <input
        id={id}
        // Its types hold for each kind alone, not for one that is chosen at run time.
        type={type as 'text'}
        value={value}
        onInput={(event) => onValue(event.currentTarget.value)}
        autocapitalize="off"
        autocorrect="off"
        spellcheck={false}
        aria-invalid={problem != null}
        aria-describedby={problem == null ? undefined : `${id}-problem`}
        {...rest}
      />
      {problem != null && (
        <p class="problem" id={`${id}-problem`}>
          {problem}
        </p>
      )}
    </Field>
  );
}

export function TextArea({ label, value, onValue, rows }: FieldProps & { readonly rows: number }): JSX.Element {
  const id = useId();
  return (
    <Field id={id} label={label}>
      <textarea
        id={id}
        rows={rows}
        value={value}
        spellcheck={false}
        onInput={(event) => onValue(event.currentTarget.value)}
      />
    </Field>
  );
}

interface SelectProps<T extends string> {
  readonly label: string;
  readonly value: T;
  readonly options: readonly (readonly [value: T, text: string])[];
  readonly onValue: (value: T) => void;
  readonly disabled?: boolean;
}

export function SelectField<T extends string>(props: SelectProps<T>): JSX.Element {
  const { label, value, options, onValue, disabled = false } = props;
  const id = useId();
  return (
    <Field id={id} label={label}>
      <select id={id} value={value} disabled={disabled} onChange={(event) => onValue(event.currentTarget.value as T)}>
        {options.map(([option, text]) => (
          <option key={option} value={option}>
            {text}
          </option>
        ))}
      </select>
    </Field>
  );
}

interface CheckProps {
  readonly label: string;
  readonly checked: boolean;
  readonly onValue: (checked: boolean) => void;
  readonly disabled?: boolean;
}

export function CheckField({ label, checked, onValue, disabled = false }: CheckProps): JSX.Element {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={checked}
        disabled={disabled}
        onChange={(event) => onValue(event.currentTarget.checked)}
      />
      {label}
    </label>
  );
}

interface FrameProps {
  readonly id: string;
  readonly label: string;
  readonly children: ComponentChildren;
}

function Field({ id, label, children }: FrameProps): JSX.Element {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children}
    </div>
  );
}
