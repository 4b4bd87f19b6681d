/** The model that agent.yaml names, from the provider's own library, which is loaded for it alone. */
import type { Environment, ModelSettings } from "@parley/agent";
import { ParleyError } from "@parley/protocol";
import type { LanguageModel } from "ai";

import { checkSecretLine } from "./secret-line.ts";

/** A model, and how to leave its key out of what is written down. */
export interface LoadedModel {
  readonly model: LanguageModel;
  /** Options of the provider for every call. */
  readonly providerOptions: Readonly<Record<string, Readonly<Record<string, boolean>>>>;
  /** Takes the key out of a text, should a provider repeat it. */
  readonly withoutKey: (text: string) => string;
}

/** Where each provider is, and which variable has its key unless `apiKeyEnv` says another. */
const usual: Readonly<
  Record<ModelSettings["provider"], { readonly baseUrl?: string; readonly keyEnv?: string; readonly needsKey: boolean }>
> = {
  anthropic: { baseUrl: "https://api.anthropic.com/v1", keyEnv: "ANTHROPIC_API_KEY", needsKey: true },
  openai: { baseUrl: "https://api.openai.com/v1", keyEnv: "OPENAI_API_KEY", needsKey: true },
  "openai-compatible": { needsKey: false },
  azure: { keyEnv: "AZURE_OPENAI_API_KEY", needsKey: true },
  google: {
    baseUrl: "https://generativelanguage.googleapis.com/v1beta",
    keyEnv: "GEMINI_API_KEY",
    needsKey: true,
  },
  ollama: { baseUrl: "http://127.0.0.1:11434/v1", needsKey: false },
};

/** The library writes warnings to the console, of which whoever runs an agent can mend nothing. */
Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false });

/** Loads the provider. Throws `invalid_config` for a key that is missing, or that would go over an open line. */
export async function loadModel(settings: ModelSettings, env: Environment): Promise<LoadedModel> {
  const { provider, name, api = "responses", apiVersion } = settings;
  const baseURL = settings.baseUrl ?? usual[provider].baseUrl ?? "";
  const apiKey = keyOf(settings, env);
  if (apiKey !== undefined) checkSecretLine("model.baseUrl", baseURL);
  const withoutKey = (text: string): string => (apiKey === undefined ? text : text.replaceAll(apiKey, "[key]"));
  const key = apiKey ?? "";
  switch (provider) {
    case "anthropic": {
      const { createAnthropic } = await import("@ai-sdk/anthropic");
      return { model: createAnthropic({ baseURL, apiKey: key })(name), providerOptions: {}, withoutKey };
    }
    case "openai": {
      const { createOpenAI } = await import("@ai-sdk/openai");
      const openai = createOpenAI({ baseURL, apiKey: key });
      return { model: openai[api](name), providerOptions: { openai: { store: false } }, withoutKey };
    }
    case "azure": {
      const { createAzure } = await import("@ai-sdk/azure");
      const version = apiVersion === undefined ? {} : { apiVersion };
      const azure = createAzure({ baseURL, apiKey: key, ...version });
      return { model: azure[api](name), providerOptions: { azure: { store: false } }, withoutKey };
    }
    case "google": {
      const { createGoogle } = await import("@ai-sdk/google");
      return { model: createGoogle({ baseURL, apiKey: key })(name), providerOptions: {}, withoutKey };
    }
    case "openai-compatible":
    case "ollama": {
      const { createOpenAICompatible } = await import("@ai-sdk/openai-compatible");
      const bearer = apiKey === undefined ? {} : { apiKey };
      const compatible = createOpenAICompatible({ name: provider, baseURL, includeUsage: true, ...bearer });
      return { model: compatible(name), providerOptions: {}, withoutKey };
    }
  }
}

function keyOf({ provider, apiKeyEnv }: ModelSettings, env: Environment): string | undefined {
  const { keyEnv, needsKey } = usual[provider];
  const variable = apiKeyEnv ?? keyEnv;
  const key = variable === undefined ? undefined : env[variable];
  if (key !== undefined && key !== "") return key;
  if (variable === undefined || (!needsKey && apiKeyEnv === undefined)) return undefined;
  throw new ParleyError("invalid_config", {
    message: `${variable} is not set; it has the key of ${provider}. Put it in .env beside agent.yaml.`,
    data: { missing: [variable] },
  });
}
