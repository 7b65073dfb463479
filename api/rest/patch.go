package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gyro/internal/database"
	"gyro/internal/refusal"
	"gyro/internal/strictjson"

	"github.com/cespare/xxhash/v2"
	"github.com/valyala/fasthttp"
)

const (
	jsonType       = "application/json"
	mergePatchType = "application/merge-patch+json"
)

// patch applies a merge patch (RFC 7396) to the document as it is in the transaction.
func (r Resource[V]) patch(ctx context.Context, c *Call) (*Answer, error) {
	var partial V
	if err := c.Decode(&partial); err != nil { // says line and column of what is wrong
		return nil, err
	}
	changes, ok := normal(c.Body()).(map[string]any)
	if !ok {
		return nil, refusal.New(refusal.Invalid, "invalid_json", "", "a merge patch is an object")
	}
	return c.Write(ctx, func(ctx context.Context, tx *database.Tx) (*Answer, error) {
		was, err := r.Get(ctx, tx.IDB, c.Param("id"))
		if err != nil {
			return nil, err
		}
		if err := r.checkTag(ctx, c, was); err != nil {
			return nil, err
		}
		wanted, err := r.merge(ctx, was, changes)
		if err != nil {
			return nil, err
		}
		is, err := r.Patch(ctx, tx, c.Param("id"), was, wanted)
		if err != nil {
			return nil, err
		}
		r.complete(ctx, &is)
		tag, err := entityTag(&is)
		return &Answer{Body: &is, Header: map[string]string{fasthttp.HeaderETag: tag}}, err
	})
}

// merge is the document with the changes in it. was is not changed.
func (r Resource[V]) merge(ctx context.Context, was V, changes map[string]any) (wanted V, err error) {
	shown := was
	r.complete(ctx, &shown)
	raw, err := encode(&shown)
	if err != nil {
		return wanted, err
	}
	present, _ := normal(raw).(map[string]any)
	for _, name := range sortedKeys(changes) {
		if slices.Contains(r.Patchable, name) {
			continue
		}
		if same, _ := equalJSON(present[name], changes[name]); same {
			continue // a client that sends the whole document back
		}
		return wanted, refusal.New(refusal.Invalid, "not_patchable", name, "it cannot be changed; what can is %s", strings.Join(r.Patchable, ", "))
	}
	if raw, err = encode(mergePatch(present, changes)); err != nil {
		return wanted, err
	}
	err = strictjson.Decode(raw, &wanted)
	if e, ok := errors.AsType[*strictjson.Error](err); ok { // the position is in a document that the client has not seen
		err = refusal.New(refusal.Invalid, "invalid_value", e.Key, "%s; %s", e.Reason, e.Remedy)
	}
	entity := any(&wanted).(document).entity()
	*entity = *any(&was).(document).entity()
	return wanted, err
}

func equalJSON(a, b any) (bool, error) {
	x, err := json.Marshal(a)
	if err != nil {
		return false, err
	}
	y, err := json.Marshal(b)
	return string(x) == string(y), err
}

// mergePatch is RFC 7396, section 2: null takes away, an object goes into an object, anything else replaces.
func mergePatch(target, patch any) any {
	changes, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	merged := map[string]any{}
	if present, ok := target.(map[string]any); ok {
		maps.Copy(merged, present)
	}
	for name, value := range changes {
		if value == nil {
			delete(merged, name)
		} else {
			merged[name] = mergePatch(merged[name], value)
		}
	}
	return merged
}

// entityTag is a document's ETag (RFC 9110, section 8.8.3).
func entityTag(v any) (string, error) {
	body, err := encode(v)
	return fmt.Sprintf(`"%016x"`, xxhash.Sum64(body)), err
}

var errPrecondition = refusal.New(refusal.Conflict, "precondition_failed", "If-Match",
	"somebody changed the document since you read it; read it again and decide anew")

// checkTag holds If-Match against the document as it is: nobody undoes a change that he has not seen.
func (r Resource[V]) checkTag(ctx context.Context, c *Call, was V) error {
	wanted := c.Header(fasthttp.HeaderIfMatch)
	if wanted == "" || wanted == "*" {
		return nil
	}
	r.complete(ctx, &was)
	tag, err := entityTag(&was)
	if err != nil {
		return err
	}
	for candidate := range strings.SplitSeq(wanted, ",") {
		if strings.TrimSpace(candidate) == tag {
			return nil
		}
	}
	return errPrecondition
}
