-- Tells Argo CD how a ClassicLoadBalancer, a ClassicLoadBalancerBinding or an AWSAccount fares: their conditions mean
-- the same. Instances that fail their health check do not count here: the balancer itself is as declared, and a rollout
-- must not wait for the pods it is about to start.

-- Refusals that heal without another spec, but not without a person.
local denied = {
  AccessDenied = true,
  AccessDeniedException = true,
  AuthFailure = true,
  CredentialsNotLoaded = true,
  InvalidClientTokenId = true,
  OperationNotPermitted = true,
  OptInRequired = true,
  SignatureDoesNotMatch = true,
  UnauthorizedOperation = true,
}

local function condition(type)
  for _, candidate in ipairs(obj.status.conditions or {}) do
    if candidate.type == type then
      return candidate
    end
  end
end

local function health(status, message)
  return { status = status, message = message }
end

if obj.status == nil or (obj.status.observedGeneration or -1) < obj.metadata.generation then
  return health("Progressing", "The operator has not seen this version of the object yet")
end

-- Stalled goes first: the order of conditions means nothing.
local stalled = condition("Stalled")
if stalled ~= nil and stalled.status == "True" then
  return health("Degraded", stalled.message)
end

local ready = condition("Ready")
if ready == nil then
  return health("Progressing", "The operator has not judged the object yet")
end
if ready.status == "True" then
  return health("Healthy", ready.message)
end
if denied[ready.reason] then
  return health("Degraded", ready.message)
end
return health("Progressing", ready.message)
