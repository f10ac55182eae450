import type { Template } from "../lib/types";

/** What a template does on a made-up market. */
export function TemplatePicture({ template }: { template: Template }) {
  if (!template.picture) return null;
  return (
    <img
      className="template-picture"
      src={template.picture}
      alt={`${template.name}: price, indicators, purchases (▲) and sales (▼) on a made-up market`}
      loading="lazy"
    />
  );
}
