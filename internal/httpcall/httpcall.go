// Package httpcall asks an HTTP port of one of the daemons: JSON or JSON lines where it goes well, and where it does
// not an error that has the daemon's own words.
package httpcall

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"switchyard/internal/reach"
)

const (
	// maxReply bounds an answer that is read as a whole.
	maxReply = 16 << 20
	// maxSaid bounds what is read of an answer that is no success.
	maxSaid = 4 << 10
)

// Socket begins the address of a socket file: unix:PATH.
const Socket = "unix:"

// Port is an HTTP port of a daemon.
type Port struct {
	Addr   string       // host:port; or unix:PATH, where Client leads there
	Client *http.Client // nil: the default one
	Secure bool         // it speaks TLS
	Token  string       // shown with each call; "": none
	Is     string       // what is expected there, for the error where nothing is, such as "the operator API of switchd"
}

// StatusError is an answer that is no success.
type StatusError struct {
	Method, Path string
	Status       int
	Said         string // by the answer
	// NoPath says that it is the 404 of a server that does not know the path: another program's, most often.
	NoPath bool
	addr   string
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("%s %s: %d %s: %s", e.Method, e.Path, e.Status, http.StatusText(e.Status), e.Said)
	if e.NoPath {
		text += "; is " + e.addr + " the right port?"
	}
	return text
}

// Status is the status of the answer that err is, or 0.
func Status(err error) int {
	var status *StatusError
	if errors.As(err, &status) {
		return status.Status
	}
	return 0
}

// Open asks for something that is read as it comes. A status other than 2xx is a *StatusError.
func (p Port) Open(ctx context.Context, method, path string, query url.Values, body []byte) (io.ReadCloser, error) {
	return p.open(ctx, method, path, query, "", bytes.NewReader(body))
}

// open is Open of a body of a type; "": it has none.
func (p Port) open(
	ctx context.Context, method, path string, query url.Values, kind string, body io.Reader,
) (io.ReadCloser, error) {
	target := url.URL{Scheme: "http", Host: p.Addr, Path: path, RawQuery: query.Encode()}
	if p.Secure {
		target.Scheme = "https"
	}
	if strings.HasPrefix(p.Addr, Socket) {
		target.Host = "localhost"
	}
	req, err := http.NewRequestWithContext(ctx, method, target.String(), body)
	if err != nil {
		return nil, err
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if p.Token != "" {
		req.Header.Set("Authorization", "Bearer "+p.Token)
	}
	client := p.Client
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, reach.Error(cmp.Or(p.Is, "an HTTP port of a daemon"), p.Addr, err)
	}
	if resp.StatusCode/100 == 2 {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxSaid))
	if err != nil {
		return nil, err
	}
	return nil, &StatusError{
		Method: method, Path: path, Status: resp.StatusCode, Said: said(text),
		NoPath: resp.StatusCode == http.StatusNotFound && !json.Valid(text), addr: p.Addr,
	}
}

// Opener is a GET of something that is read as it comes, for who opens it later.
func (p Port) Opener(path string, query url.Values) func(context.Context) (io.ReadCloser, error) {
	return func(ctx context.Context) (io.ReadCloser, error) { return p.Open(ctx, http.MethodGet, path, query, nil) }
}

// said is what an answer that is no success says.
func said(body []byte) string {
	var answer struct {
		Error string `json:"error"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Error == "" {
		return string(bytes.TrimSpace(body))
	}
	return answer.Error
}

// Read asks for something that is read as a whole.
func (p Port) Read(ctx context.Context, method, path string, query url.Values, body []byte) ([]byte, error) {
	return p.read(ctx, method, path, query, "", bytes.NewReader(body))
}

// Stream sends what is read of a file as it comes, and reads the answer as a whole.
func (p Port) Stream(ctx context.Context, method, path string, query url.Values, file io.Reader) ([]byte, error) {
	return p.read(ctx, method, path, query, "application/octet-stream", stream{file})
}

// stream is a body that is a file. It is not closed with the request.
type stream struct{ io.Reader }

func (p Port) read(
	ctx context.Context, method, path string, query url.Values, kind string, body io.Reader,
) ([]byte, error) {
	in, err := p.open(ctx, method, path, query, kind, body)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, maxReply+1))
	if err == nil && len(text) > maxReply {
		err = fmt.Errorf("%s %s: the answer has more than %d bytes", method, path, maxReply)
	}
	return text, err
}

// JSON asks for an object or array.
func (p Port) JSON(ctx context.Context, method, path string, query url.Values, into any) error {
	text, err := p.Read(ctx, method, path, query, nil)
	if err != nil {
		return err
	}
	return decoded(method, path, text, into)
}

// decoded reads an answer as an object or array.
func decoded(method, path string, text []byte, into any) error {
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s %s: %w: %.200s", method, path, err, text)
	}
	return nil
}

// Form posts parameters in a body, where no error and no log shows them, and reads an object or array.
func (p Port) Form(ctx context.Context, path string, form url.Values, into any) error {
	text, err := p.read(ctx, http.MethodPost, path, nil, "application/x-www-form-urlencoded",
		strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	return decoded(http.MethodPost, path, text, into)
}

// Lines reads JSON lines as they come. An error of take ends it. An answer that breaks off is an error and not a
// shorter one.
func Lines[T any](ctx context.Context, p Port, path string, query url.Values, take func(*T) error) error {
	body, err := p.Open(ctx, http.MethodGet, path, query, nil)
	if err != nil {
		return err
	}
	defer body.Close()
	dec := json.NewDecoder(body)
	for n := 0; ; n++ {
		var one T
		if err := dec.Decode(&one); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("GET %s: the answer breaks off after %d lines: %w", path, n, err)
		}
		if err := take(&one); err != nil {
			return err
		}
	}
}
