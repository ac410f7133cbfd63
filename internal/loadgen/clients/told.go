package clients

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"switchyard/internal/loadgen/day"
	"switchyard/switch/api"
	"switchyard/switch/audit"
	"switchyard/switch/front/lines/told"
)

// Told is a log of answers in a file. A nil one keeps nothing.
type Told struct {
	*told.Log
	file *os.File
}

// OpenTold opens a log for appending; without a name there is none.
func OpenTold(name string) (*Told, error) {
	if name == "" {
		return nil, nil
	}
	file, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	return &Told{told.NewLog(file), file}, nil
}

// Close writes out what is kept back.
func (t *Told) Close() error {
	if t == nil {
		return nil
	}
	return errors.Join(t.Flush(), t.file.Close())
}

// Wrote enters an answer, nil where none came.
func (t *Told) Wrote(req *api.Request, a *api.Answer) {
	if t != nil {
		t.Write(time.Now(), req, a)
	}
}

// Books are the log as the audit reads it; none where nothing is kept.
func (t *Told) Books() []audit.Open {
	if t == nil {
		return nil
	}
	return []audit.Open{func(context.Context) (io.ReadCloser, error) {
		if err := t.Flush(); err != nil {
			return nil, err
		}
		return os.Open(t.file.Name())
	}}
}

// toldPlayer writes down what one connection of a day's driver is told.
type toldPlayer struct {
	day.Client
	log *Told
}

// Do implements day.Client.
func (p toldPlayer) Do(ctx context.Context, req *api.Request) (*api.Answer, error) {
	a, err := p.Client.Do(ctx, req)
	p.log.Wrote(req, a)
	return a, err
}

// Players makes the connections of a day write down what they are told.
func (t *Told) Players(clients []day.Client) []day.Client {
	for i, c := range clients {
		clients[i] = toldPlayer{c, t}
	}
	return clients
}
