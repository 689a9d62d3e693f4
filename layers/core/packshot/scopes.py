"""What a key must be allowed to do, per wish."""

from collections.abc import Mapping

from packshot import wishes as w

SCOPES: Mapping[type, str] = {
    w.Submit: "jobs:write",
    w.Quote: "jobs:read",
    w.Check: "jobs:read",
    w.GetJob: "jobs:read",
    w.GetJobs: "jobs:read",
    w.ListJobs: "jobs:read",
    w.CancelJob: "jobs:cancel",
    w.ListModels: "jobs:read",
    w.ListPresets: "jobs:read",
    w.GetPreset: "jobs:read",
    w.PutPreset: "jobs:write",
    w.DeletePreset: "jobs:write",
    w.PutAsset: "jobs:write",
    w.ImportAsset: "jobs:write",
    w.PresignAsset: "jobs:write",
    w.ListAssets: "jobs:read",
    w.GetAsset: "jobs:read",
    w.DeleteAsset: "jobs:write",
    w.CreateProfile: "jobs:write",
    w.ListProfiles: "jobs:read",
    w.GetProfile: "jobs:read",
    w.GetProfilePicture: "jobs:read",
    w.DeleteProfile: "jobs:write",
    w.GetAccount: "usage:read",
    w.ChangeAccount: "account:manage",
    w.PutProviderKey: "account:manage",
    w.DeleteProviderKey: "account:manage",
    w.GetUsage: "usage:read",
    w.GetCallbackSecret: "callbacks:manage",
    w.CreateEndpoint: "callbacks:manage",
    w.ListEndpoints: "callbacks:manage",
    w.ChangeEndpoint: "callbacks:manage",
    w.DeleteEndpoint: "callbacks:manage",
    w.RotateEndpoint: "callbacks:manage",
    w.TestEndpoint: "callbacks:manage",
    w.ListDeliveries: "jobs:read",
    w.ReplayDelivery: "callbacks:manage",
    w.ReplayRange: "callbacks:manage",
}
"""The scope a key needs for a wish; a wish that is not listed needs no key."""
