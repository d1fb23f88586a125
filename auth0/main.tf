# What Readdress needs at an Auth0 tenant, by the provider auth0/auth0 (1.x). Nothing here replaces what others own:
# auth0_trigger_action adds one Action to the login flow (auth0_trigger_actions would replace them all).
#   export AUTH0_DOMAIN=… AUTH0_CLIENT_ID=… AUTH0_CLIENT_SECRET=…   # of a client that may manage the tenant
#   terraform init && terraform plan -var audience=https://account.example.com/ -var tenant=your-tenant.eu.auth0.com
terraform {
  required_version = ">= 1.5"
  required_providers {
    auth0 = {
      source  = "auth0/auth0"
      version = "~> 1.0"
    }
  }
}

variable "tenant" {
  description = "AUTH0_DOMAIN: the tenant's own domain, never a custom one"
  type        = string
}

variable "audience" {
  description = "AUTH0_AUDIENCE: the identifier of the API that the app asks a token for"
  type        = string
}

variable "app_client_ids" {
  description = "The SPAs and native apps whose users may change their address"
  type        = set(string)
  default     = []
}

variable "ends_sessions" {
  description = "Grants what ends sessions after an undo (and with REVOKE); works on Enterprise plans only"
  type        = bool
  default     = true
}

resource "auth0_resource_server" "readdress" {
  name                                            = "Readdress"
  identifier                                      = var.audience
  signing_alg                                     = "RS256"
  token_lifetime                                  = 900
  token_dialect                                   = "rfc9068_profile"
  allow_offline_access                            = false
  skip_consent_for_verifiable_first_party_clients = true

  subject_type_authorization {
    user {
      policy = "require_client_grant"
    }
    client {
      policy = "deny_all"
    }
  }
}

resource "auth0_resource_server_scopes" "readdress" {
  resource_server_identifier = auth0_resource_server.readdress.identifier

  scopes {
    name        = "change:email"
    description = "Change my email address"
  }
}

resource "auth0_client_grant" "apps" {
  for_each     = var.app_client_ids
  client_id    = each.value
  audience     = auth0_resource_server.readdress.identifier
  scopes       = ["change:email"]
  subject_type = "user"
  depends_on   = [auth0_resource_server_scopes.readdress]
}

resource "auth0_client" "workers" {
  name        = "Readdress workers"
  app_type    = "non_interactive"
  grant_types = ["client_credentials"]
}

resource "auth0_client_credentials" "workers" {
  client_id             = auth0_client.workers.id
  authentication_method = "client_secret_post"
}

resource "auth0_client_grant" "workers" {
  client_id = auth0_client.workers.id
  audience  = "https://${var.tenant}/api/v2/"
  scopes = concat(
    ["read:users", "update:users"],
    var.ends_sessions ? ["delete:sessions", "delete:refresh_tokens"] : [],
  )
}

resource "auth0_action" "login_evidence" {
  name    = "Login evidence for Readdress"
  runtime = "node22"
  deploy  = true
  code    = file("${path.module}/actions/login-evidence.js")

  supported_triggers {
    id      = "post-login"
    version = "v3"
  }
}

resource "auth0_trigger_action" "login_evidence" {
  trigger   = "post-login"
  action_id = auth0_action.login_evidence.id
}

output "AUTH0_CLIENT_ID" {
  value = auth0_client.workers.client_id
}

output "AUTH0_CLIENT_SECRET" {
  value     = auth0_client_credentials.workers.client_secret
  sensitive = true
}
