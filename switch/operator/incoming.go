package operator

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"go.uber.org/zap"

	"switchyard/switch/incoming"
)

// serveReceive takes the clearing file that is the request's body. One that is refused as a whole is 422, or 409 where
// another of its id was taken before.
func (a *API) serveReceive(w http.ResponseWriter, r *http.Request) {
	received, err := a.o.Incoming.Receive(r.Body, r.FormValue("name"))
	refused := (*incoming.RefusedError)(nil)
	switch {
	case errors.As(err, &refused) && refused.Changed:
		writeError(w, http.StatusConflict, refused)
	case errors.As(err, &refused):
		writeError(w, http.StatusUnprocessableEntity, refused)
	case errors.Is(err, incoming.ErrNoRoom):
		writeError(w, http.StatusInsufficientStorage, err)
	case err != nil:
		writeError(w, http.StatusInternalServerError, err)
	default:
		writeJSON(w, http.StatusOK, &received)
	}
}

// serveIncoming streams the files that were taken as JSON lines.
func (a *API) serveIncoming(w http.ResponseWriter, r *http.Request) {
	serveLines(a, w, r, a.o.Incoming.Files)
}

// serveExceptions streams what a person has to look at as JSON lines.
func (a *API) serveExceptions(w http.ResponseWriter, r *http.Request) {
	serveLines(a, w, r, a.o.Incoming.Exceptions)
}

// serveLines streams what each yields.
func serveLines[T any](
	a *API, w http.ResponseWriter, r *http.Request, each func(ctx context.Context, yield func(T) bool) error,
) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	const bufferBytes = 64 << 10
	out := bufio.NewWriterSize(w, bufferBytes)
	enc := json.NewEncoder(out)
	err := each(r.Context(), func(one T) bool { return enc.Encode(one) == nil })
	if err = errors.Join(err, out.Flush()); err != nil {
		a.o.Logger.Error("a list could not be told to its end", zap.String("path", r.URL.Path), zap.Error(err))
		panic(http.ErrAbortHandler) // the status is sent: a broken body tells that the list is not whole
	}
}
