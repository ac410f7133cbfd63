package switchtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"switchyard/internal/vfs"
	"switchyard/switch/incoming"
)

// The issuer simulator is the clearing system, too: files of the switch go to it, and with Options.IssuerOut its own
// come back.

// GoesOut brings a clearing file of the switch to the clearing system, and returns the id of the file that answers it.
func (s *System) GoesOut(path string) (answer string) {
	s.t.Helper()
	var taken struct{ Answer string }
	s.http(s.ControlAddr, http.MethodPost, "/v1/clearing", s.Contents(path), &taken)
	return taken.Answer
}

// ComesBack gives the switch a file of the clearing system.
func (s *System) ComesBack(id string) *incoming.Received {
	s.t.Helper()
	text := s.contents(s.IssuerFS, "out/"+id+".ipm")
	r, err := s.API().Receive(context.Background(), id, bytes.NewReader(text))
	s.must(err)
	return r
}

// ChargeBack has the issuer charge a presentment back; more are members of the JSON that asks for it, each behind a
// comma.
func (s *System) ChargeBack(arn, more string) {
	s.t.Helper()
	body := fmt.Sprintf(`{"arn":%q,"reason":"4853"%s}`, arn, more)
	s.http(s.ControlAddr, http.MethodPost, "/v1/clearing/chargebacks", []byte(body), nil)
}

// EndIssuerWindow has the clearing system make its file of what was charged back, and returns the id of that.
func (s *System) EndIssuerWindow() (id string) {
	s.t.Helper()
	var ended struct {
		Files []struct {
			FileID string `json:"file_id"`
		}
	}
	s.http(s.ControlAddr, http.MethodPost, "/v1/clearing/window", nil, &ended)
	if len(ended.Files) != 1 {
		s.t.Fatalf("the clearing system made %+v: want one file", ended.Files)
	}
	return ended.Files[0].FileID
}

// Contents reads a file on FS.
func (s *System) Contents(path string) []byte {
	s.t.Helper()
	return s.contents(s.FS, path)
}

func (s *System) contents(fs vfs.FS, path string) []byte {
	s.t.Helper()
	f, err := fs.Open(path)
	s.must(err)
	defer f.Close()
	text, err := io.ReadAll(f)
	s.must(err)
	return text
}
