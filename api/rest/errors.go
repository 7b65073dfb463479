package rest

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"gyro/api/access"
	"gyro/internal/database"
	"gyro/internal/refusal"

	"github.com/valyala/fasthttp"
)

// errorBody is TM Forum's Error (TMF630): the one shape of every error.
type errorBody struct {
	Code string `json:"code"`
	// Reason is the kind of the error in words, the same for all of a status.
	Reason string `json:"reason"`
	// Message says what was wrong, where, and what to do.
	Message string `json:"message"`
	Status  string `json:"status"`
	// ReferenceError is where errors are described.
	ReferenceError string `json:"referenceError,omitempty"`
	// Field is the place in the request, where there is one.
	Field string `json:"field,omitempty"`
	Type  string `json:"@type"`
}

// failure is an error of HTTP itself, which no refusal of the domain can be.
type failure struct {
	status        int
	code, message string
}

func (f *failure) Error() string { return f.message }

func fail(status int, code, format string, args ...any) error {
	return &failure{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

var statusOfKind = map[refusal.Kind]int{
	refusal.Invalid:       fasthttp.StatusBadRequest,
	refusal.Forbidden:     fasthttp.StatusForbidden,
	refusal.NotFound:      fasthttp.StatusNotFound,
	refusal.Conflict:      fasthttp.StatusConflict,
	refusal.Unprocessable: fasthttp.StatusUnprocessableEntity,
	refusal.Unavailable:   fasthttp.StatusServiceUnavailable,
}

// reasons are the statuses in words that say whose turn it is.
var reasons = map[int]string{
	fasthttp.StatusBadRequest:                  "The request cannot be understood",
	fasthttp.StatusUnauthorized:                "It is not known who asks",
	fasthttp.StatusForbidden:                   "Somebody else may do this",
	fasthttp.StatusNotFound:                    "It is not there",
	fasthttp.StatusMethodNotAllowed:            "This cannot be done with it",
	fasthttp.StatusRequestTimeout:              "The request did not arrive in time",
	fasthttp.StatusConflict:                    "The request contradicts the present state",
	fasthttp.StatusPreconditionFailed:          "The document changed since it was read",
	fasthttp.StatusRequestEntityTooLarge:       "The request is too large",
	fasthttp.StatusUnsupportedMediaType:        "The body is of a type that is not read here",
	fasthttp.StatusMisdirectedRequest:          "The request is for another server",
	fasthttp.StatusUnprocessableEntity:         "A rule of the business forbids it",
	fasthttp.StatusTooManyRequests:             "Too many requests",
	fasthttp.StatusRequestHeaderFieldsTooLarge: "The request is too large",
	fasthttp.StatusInternalServerError:         "The server failed",
	fasthttp.StatusServiceUnavailable:          "Not now",
	fasthttp.StatusGatewayTimeout:              "It took too long",
}

// databaseDown is the code of the answer while the database is down.
const databaseDown = "database_unavailable"

// bodyOf finds the answer to an error. What is not foreseen is a fault of the server; its words may tell a stranger too
// much and go to the log.
func bodyOf(err error) (status int, body errorBody, internal bool) {
	var f *failure
	refused := refusal.Of(err)
	switch {
	case errors.As(err, &f):
		status, body = f.status, errorBody{Code: f.code, Message: f.message}
	case refused != nil:
		status, body = statusOfKind[refused.Kind], errorBody{Code: refused.Code, Message: refused.Error(), Field: refused.Field}
		if refused == errPrecondition {
			status = fasthttp.StatusPreconditionFailed
		}
	case errors.Is(err, access.ErrUnauthenticated):
		status, body = fasthttp.StatusUnauthorized, errorBody{Code: "unauthenticated", Message: err.Error()}
	case errors.Is(err, database.ErrContention):
		status, body = fasthttp.StatusServiceUnavailable, errorBody{Code: "busy", Message: "others keep changing the same; send the request again"}
	case database.IsDown(err):
		status, body = fasthttp.StatusServiceUnavailable, errorBody{
			Code:    databaseDown,
			Message: "the office's database does not answer or cannot write; wait as Retry-After says, then send the same request again, with the same Idempotency-Key: this one may have been carried out",
		}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		status, body = fasthttp.StatusGatewayTimeout, errorBody{
			Code:    "timeout",
			Message: "it was not done in time, and may still have been; send the same request again, with the same Idempotency-Key, to learn what became of it",
		}
	default:
		status, internal = fasthttp.StatusInternalServerError, true
		body = errorBody{Code: "internal", Message: "the request failed for a reason inside the server; its log says why, beside the X-Correlation-ID of this answer"}
	}
	if status == 0 {
		status, internal = fasthttp.StatusInternalServerError, true
	}
	body.Reason, body.Status, body.Type = reasons[status], strconv.Itoa(status), "Error"
	return status, body, internal
}
