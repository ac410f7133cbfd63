package server

import (
	"errors"
	"io"
	"net/http"
	"time"

	"switchyard/issuer-sim/book"
	"switchyard/issuer-sim/clearing"
)

// uploadTimeout ends an upload of which nothing came for so long: only so many are taken at once.
const uploadTimeout = time.Minute

// upload is the body of a request that may take as long as it goes on. What is done with the file once it is read may
// take longer than uploadTimeout, too: nothing more is read then.
type upload struct {
	body io.Reader
	of   *http.ResponseController
}

// Read implements io.Reader.
func (u *upload) Read(b []byte) (int, error) {
	if err := u.of.SetReadDeadline(time.Now().Add(uploadTimeout)); err != nil {
		return 0, err
	}
	return u.body.Read(b)
}

// postClearing takes a clearing file as it comes: 409 if its id was taken before, 422 with what is wrong if it is
// refused as a whole otherwise.
func (s *Server) postClearing(w http.ResponseWriter, r *http.Request) {
	result, err := s.desk.Take(&upload{r.Body, http.NewResponseController(w)})
	if err != nil {
		// What is left of a long file is not read: the connection ends.
		w.Header().Set("Connection", "close")
	}
	var refused *clearing.RefusedError
	switch {
	case errors.As(err, &refused):
		status := http.StatusUnprocessableEntity
		if refused.Taken {
			status = http.StatusConflict
		}
		writeJSON(w, status, map[string]any{
			"error": refused.Error(), "element": refused.Element, "code": refused.Code, "errors": refused.Findings,
			"error_count": len(refused.Findings), "answer": refused.Answer,
		})
	case err != nil:
		writeError(w, http.StatusServiceUnavailable, err)
	default:
		writeJSON(w, http.StatusOK, result)
	}
}

// getClearing shows what waits for the end of the window.
func (s *Server) getClearing(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, s.desk.Status())
}

// postWindow ends the window: 409 if there is no folder for the files that tell of it.
func (s *Server) postWindow(w http.ResponseWriter, _ *http.Request) {
	result, err := s.desk.CloseWindow()
	switch {
	case errors.Is(err, clearing.ErrNoOut):
		writeError(w, http.StatusConflict, err)
	case err != nil:
		writeError(w, http.StatusServiceUnavailable, err)
	default:
		writeJSON(w, http.StatusOK, result)
	}
}

// order serves an order: 400 if it cannot be read, 404 if it is about no presentment, 409 if that allows none.
func (s *Server) order(give func(*clearing.Order) (clearing.Ordered, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var o clearing.Order
		if !readJSON(w, r, &o) {
			return
		}
		ordered, err := give(&o)
		switch {
		case err == nil:
			writeJSON(w, http.StatusOK, ordered)
		case errors.Is(err, clearing.ErrOrder):
			writeError(w, http.StatusBadRequest, err)
		case errors.Is(err, book.ErrUnpresented):
			writeError(w, http.StatusNotFound, err)
		case errors.Is(err, book.ErrDisputed), errors.Is(err, book.ErrTooMuch), errors.Is(err, book.ErrNotCharged),
			errors.Is(err, book.ErrUnanswered):
			writeError(w, http.StatusConflict, err)
		default:
			writeError(w, http.StatusServiceUnavailable, err)
		}
	}
}
