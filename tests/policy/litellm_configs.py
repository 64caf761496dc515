"""Configurations of LiteLLM's proxy such as people have, made up for tests."""

SMALL = """\
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: openai/gpt-4o
      api_key: os.environ/OPENAI_API_KEY
  - model_name: claude
    litellm_params:
      model: anthropic/claude-haiku-4-5
      api_key: os.environ/ANTHROPIC_API_KEY
"""

COMPANY = """\
# two regions of Azure behind one name, OpenAI behind both, Claude for long texts
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: azure/gpt-4o-eu
      api_base: https://company-eu.openai.azure.com/
      api_key: "os.environ/AZURE_EU_KEY"
      api_version: "2025-04-01-preview"
      weight: 9
      rpm: 600
  - model_name: gpt-4o
    litellm_params:
      model: azure/gpt-4o-us
      api_base: os.environ/AZURE_US_BASE
      api_key: os.environ/AZURE_US_KEY
      api_version: "2025-04-01-preview"
    model_info:
      base_model: azure/gpt-4o
  - model_name: gpt-4o-openai
    litellm_params:
      model: gpt-4o
      api_key: os.environ/OPENAI_API_KEY
      input_cost_per_token: 0.0000025
      output_cost_per_token: 0.00001
    model_info: {max_input_tokens: 128000, supports_vision: true}
  - model_name: long
    litellm_params:
      model: anthropic/claude-sonnet-4-5
      api_key: os.environ/ANTHROPIC_API_KEY
  - model_name: embed
    litellm_params: {model: openai/text-embedding-3-small, api_key: os.environ/OPENAI_API_KEY}
    model_info: {mode: embedding}
  - model_name: pictures
    litellm_params: {model: openai/gpt-image-1, api_key: os.environ/OPENAI_API_KEY}
    model_info: {mode: image_generation}
  - model_name: titan
    litellm_params:
      model: bedrock/amazon.titan-text-premier
      aws_region_name: us-east-1

litellm_settings:
  num_retries: 2
  request_timeout: 120
  drop_params: true
  fallbacks:
    - gpt-4o: [gpt-4o-openai, long]
  context_window_fallbacks: [{"gpt-4o-openai": ["long"]}]
  callbacks: [prometheus, langfuse]
  cache: true
  json_logs: true
  max_budget: 500
  budget_duration: 30d
  default_key_generate_params:
    max_budget: 5
    budget_duration: 1d
    rpm_limit: 60
    models: [gpt-4o, long]

router_settings:
  routing_strategy: usage-based-routing
  model_group_alias:
    gpt-4: gpt-4o
    best: {model: gpt-4, hidden: true}
    lost: gone
  redis_host: os.environ/REDIS_HOST

general_settings:
  master_key: os.environ/LITELLM_MASTER_KEY
  database_url: postgresql://litellm:dbpassword9@db/litellm
"""

LOCAL = """\
model_list:
  - model_name: qwen
    litellm_params:
      model: hosted_vllm/Qwen/Qwen3-32B
      api_base: http://10.0.0.5:8000/v1
      api_key: none
  - model_name: llama
    litellm_params: &ollama
      model: ollama_chat/llama3.2
      api_base: http://localhost:11434
  - model_name: "team/llama @home"
    litellm_params:
      <<: *ollama
      model: ollama/llama3.2:70b
  - model_name: served
    litellm_params:
      model: openai/my-finetune
      api_base: http://127.0.0.1:9000/v1
      api_key: sk-anything
"""

LITERAL = """\
model_list:
  - model_name: a
    litellm_params: {model: openai/gpt-4o, api_key: sk-proj-LITERAL-one}
  - model_name: b
    litellm_params: {model: openai/gpt-4o-mini, api_key: sk-proj-LITERAL-two}
  - model_name: c
    litellm_params: {model: openai/gpt-4.1, api_key: sk-proj-LITERAL-one}
  - model_name: d
    litellm_params:
      model: groq/llama-3.3-70b
      extra_headers: {x-team: search, authorization: Bearer LITERAL-three}
environment_variables:
  LANGFUSE_SECRET_KEY: sk-lf-LITERAL-four
general_settings:
  master_key: sk-LITERAL-five
"""
