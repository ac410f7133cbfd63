package api

// Code names the kind of an error, as on the wire. The list may grow.
type Code string

// The error codes.
const (
	CodeInvalidRequest    Code = "invalid_request" // no JSON object
	CodeInvalidField      Code = "invalid_field"
	CodeUnknownOp         Code = "unknown_op"
	CodeUnknownPayment    Code = "unknown_payment" // another gateway's too
	CodeUnauthorized      Code = "unauthorized"
	CodeConflict          Code = "conflict" // the key was used with another body
	CodeInvalidState      Code = "invalid_state"
	CodeAmountExceeds     Code = "amount_exceeds"
	CodeLimitExceeded     Code = "limit_exceeded" // of the merchant or the gateway
	CodeNoRoute           Code = "no_route"
	CodeBusy              Code = "busy"
	CodeIssuerUnavailable Code = "issuer_unavailable"
	CodeTooLarge          Code = "too_large"
	CodeInternal          Code = "internal"
)

// Codes lists the error codes.
func Codes() []Code {
	return []Code{
		CodeInvalidRequest, CodeInvalidField, CodeUnknownOp, CodeUnknownPayment, CodeUnauthorized, CodeConflict,
		CodeInvalidState, CodeAmountExceeds, CodeLimitExceeded, CodeNoRoute, CodeBusy, CodeIssuerUnavailable, CodeTooLarge,
		CodeInternal,
	}
}

// Error is a refusal: nothing was stored and, where the request had a key, the key is still free.
type Error struct {
	Code    Code
	Field   string // the field at fault, dotted for nested ones ("card.number"); "" where none is
	Message string // for a person; never holds card data
}

// Error implements error.
func (e *Error) Error() string {
	if e.Field != "" {
		return string(e.Code) + ": " + e.Field + ": " + e.Message
	}
	return string(e.Code) + ": " + e.Message
}

// Retry tells whether the same request may succeed later as it is.
func (e *Error) Retry() bool {
	switch e.Code {
	case CodeBusy, CodeIssuerUnavailable, CodeInternal:
		return true
	}
	return false
}

// Errorf-free constructors keep call sites short and the code explicit.

// FieldError is an invalid_field error.
func FieldError(field, message string) *Error {
	return &Error{Code: CodeInvalidField, Field: field, Message: message}
}

// NewError is an error without a field.
func NewError(code Code, message string) *Error { return &Error{Code: code, Message: message} }
