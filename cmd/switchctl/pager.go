package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// paged hands what is written to it to the person's pager, which writes to out. done ends it and waits until the person
// has left. Where there is no pager it goes to out.
func paged(ctx context.Context, out io.Writer) (w io.Writer, done func() error) {
	direct := func() error { return nil }
	command, set := os.LookupEnv("PAGER")
	if !set {
		command = "less"
	}
	if command == "" {
		return out, direct
	}
	pager := exec.CommandContext(ctx, "sh", "-c", command)
	pager.Stdout, pager.Stderr = out, os.Stderr
	pager.Env = os.Environ()
	if _, set := os.LookupEnv("LESS"); !set {
		pager.Env = append(pager.Env, "LESS=FRX") // what fits a screen is left on it
	}
	if !set {
		if _, err := exec.LookPath(command); err != nil {
			return out, direct
		}
	}
	stdin, err := pager.StdinPipe()
	if err != nil {
		return out, direct
	}
	if err := pager.Start(); err != nil {
		return out, direct
	}
	return left{stdin}, func() error {
		return errors.Join(stdin.Close(), pager.Wait())
	}
}

// left is a pager's input. A person who leaves it has seen enough: what is written then is no failure.
type left struct{ io.Writer }

func (l left) Write(b []byte) (int, error) {
	n, err := l.Writer.Write(b)
	if errors.Is(err, syscall.EPIPE) {
		return len(b), nil
	}
	return n, err
}
