// Package wire is the text of the gateway protocol: a JSON object a line, to and from the types of package api.
//
// Both ends use it: the server reads requests and writes answers, the client writes requests and reads answers. It is
// written by hand because it stands on the path of every payment: no reflection, one allocation a line (the strings of
// a decoded request share one copy of the line), none to encode. The tests hold it against encoding/json.
//
// It guarantees that [DecodeRequest] takes exactly the lines that are a JSON object (RFC 8259, valid UTF-8, nested at
// most maxDepth deep) of known fields, each at most once and of its type, and that no error it returns quotes a value:
// a card number cannot leave by way of a message (I12). It does not judge values; that is [api.Request.Validate]. Only
// the hello of a connection, which is no request and which nothing behind this package knows, is judged here.
// [DecodeAnswer] skips what it does not know, because the list of an answer's fields may grow.
package wire
