package switchtest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"

	"switchyard/switch/audit"
)

// Audit waits until nothing is under way and fails the test unless the journal, the issuer's books and the clearing files
// agree.
func (s *System) Audit() *audit.Report {
	s.t.Helper()
	s.AwaitDrained()
	open := func(url string) audit.Open {
		return func(ctx context.Context) (io.ReadCloser, error) {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
			if err != nil {
				return nil, err
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				return nil, err
			}
			return resp.Body, nil
		}
	}
	report, err := audit.Run(context.Background(), audit.Sources{
		Switch:         open("http://" + s.OperatorAddr + "/v1/payments"),
		Authorizations: open("http://" + s.ControlAddr + "/v1/authorizations"),
		Ledger:         open("http://" + s.ControlAddr + "/v1/ledger"),
		Files:          func(context.Context) ([]audit.File, error) { return s.clearingFiles() },
		Written:        func(context.Context) ([]string, error) { return s.writtenDates(), nil },
	}, audit.Options{})
	s.must(err)
	if !report.Clean() {
		var text strings.Builder
		s.must(report.WriteText(&text))
		s.t.Fatalf("the audit finds differences:\n%s", &text)
	}
	return report
}

func (s *System) clearingFiles() (files []audit.File, err error) {
	root := s.FS.PathJoin(s.Config.Data, "clearing")
	dates, err := s.FS.List(root)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, date := range dates {
		names, err := s.FS.List(s.FS.PathJoin(root, date))
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if strings.HasSuffix(name, ".ipm") {
				path := s.FS.PathJoin(root, date, name)
				files = append(files, audit.File{Name: name, Open: func(context.Context) (io.ReadCloser, error) { return s.FS.Open(path) }})
			}
		}
	}
	return files, nil
}

func (s *System) writtenDates() (dates []string) {
	s.t.Helper()
	var text string
	s.Operator("GET", "/v1/days", &text)
	var days []struct{ Date, State string }
	s.must(json.Unmarshal([]byte(text), &days))
	for _, d := range days {
		if d.State == "written" {
			dates = append(dates, d.Date)
		}
	}
	return dates
}
