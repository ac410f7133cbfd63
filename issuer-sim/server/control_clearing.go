package server

import (
	"errors"
	"io"
	"net/http"

	"switchyard/issuer-sim/clearing"
)

// maxClearingBytes is the longest clearing file that is taken: about 600,000 records.
const maxClearingBytes = 256 << 20

// postClearing takes a clearing file: 409 if its id was taken before, 422 with what is wrong if it does not verify.
func (s *Server) postClearing(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxClearingBytes))
	if err != nil {
		writeError(w, http.StatusRequestEntityTooLarge, err)
		return
	}
	result, err := s.desk.Take(body)
	var faulty *clearing.FaultyError
	switch {
	case errors.As(err, &faulty):
		writeJSON(w, http.StatusUnprocessableEntity, map[string]any{
			"error": err.Error(), "errors": faulty.Report.Errors, "error_count": faulty.Report.ErrorCount,
		})
	case errors.Is(err, clearing.ErrTaken):
		writeError(w, http.StatusConflict, err)
	case err != nil:
		writeError(w, http.StatusServiceUnavailable, err)
	default:
		writeJSON(w, http.StatusOK, result)
	}
}
