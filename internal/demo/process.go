package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// process is a child of the demo: the same binary with other arguments, in a
// process group of its own, so that a Ctrl-C in the terminal reaches the demo
// alone, which ends its children in order.
type process struct {
	name string
	args []string
	log  string // the file of what it says on standard error
	cmd  *exec.Cmd
	done chan error // gets how it ended, once
}

// prepare makes a process that writes its log into a folder.
func prepare(name string, args []string, dir string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{name: name, args: args, log: filepath.Join(dir, name+".log"), cmd: exec.Command(self, args...), done: make(chan error, 1)}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	return p, nil
}

// start starts it; its standard output goes to take, a line a call, and its end
// to done when everything was taken.
func (p *process) start(out io.Reader, take func(line []byte)) error {
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	go func() {
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			take(lines.Bytes())
		}
		p.done <- p.cmd.Wait()
	}()
	return nil
}

// ended reports that the process has ended by itself, and how.
func (p *process) ended() error {
	select {
	case err := <-p.done:
		p.done <- err
		if err == nil {
			err = errors.New("without an error")
		}
		return fmt.Errorf("element %s ended by itself (%w); its log is %s", p.name, err, p.log)
	default:
		return nil
	}
}

// terminate asks the process to end and waits until it has.
func (p *process) terminate(ctx context.Context, most time.Duration) error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	select {
	case err := <-p.done:
		p.done <- err
		if err != nil {
			return fmt.Errorf("element %s: %w; its log is %s", p.name, err, p.log)
		}
		return nil
	case <-ctx.Done():
		_ = p.cmd.Process.Kill()
		return fmt.Errorf("element %s did not end within %s; its log is %s", p.name, most, p.log)
	}
}

// Surroundings are the processes that the office talks to: the elements that
// orders are carried out on, and the payment provider.
type Surroundings struct {
	HSS, PCRF, Payments string // base URLs
	processes           []*process
}

// readyTimeout bounds the start of a process.
const readyTimeout = time.Minute

// StartSurroundings starts simulated processes on free ports of the loopback.
// Their logs go to one folder; what they keep lies in another, and is there again
// the next time.
func StartSurroundings(logs, state string) (_ *Surroundings, err error) {
	s := &Surroundings{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()
	for _, each := range []struct {
		name string
		url  *string
	}{{"hss", &s.HSS}, {"pcrf", &s.PCRF}, {"payments", &s.Payments}} {
		args := []string{
			"simulate", each.name, "--listen", "127.0.0.1:0", "--state", filepath.Join(state, each.name+".state"), "--log-format", "json",
		}
		if *each.url, err = s.start(each.name, args, logs); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// start starts one and waits until it serves; its base URL is returned.
func (s *Surroundings) start(name string, args []string, dir string) (string, error) {
	p, err := prepare(name, args, dir)
	if err != nil {
		return "", err
	}
	log, err := os.Create(p.log)
	if err != nil {
		return "", err
	}
	said, err := p.cmd.StderrPipe()
	if err != nil {
		return "", errors.Join(err, log.Close())
	}
	serves := make(chan string, 1)
	if err := p.start(said, func(line []byte) {
		_, _ = fmt.Fprintf(log, "%s\n", line)
		var ready struct{ HTTP, Simulates string }
		if json.Unmarshal(line, &ready) == nil && ready.Simulates == name && len(serves) == 0 {
			serves <- "http://" + ready.HTTP
		}
	}); err != nil {
		return "", errors.Join(err, log.Close())
	}
	s.processes = append(s.processes, p)
	late := time.NewTimer(readyTimeout)
	defer late.Stop()
	select {
	case url := <-serves:
		return url, nil
	case err := <-p.done:
		p.done <- err
		return "", p.ended()
	case <-late.C:
		return "", fmt.Errorf("element %s does not serve after %s; its log is %s", name, readyTimeout, p.log)
	}
}

// Ended is an error when one has ended by itself.
func (s *Surroundings) Ended() error {
	for _, p := range s.processes {
		if err := p.ended(); err != nil {
			return err
		}
	}
	return nil
}

// Stop ends them.
func (s *Surroundings) Stop() error {
	var errs []error
	for _, p := range s.processes {
		errs = append(errs, p.terminate(context.Background(), stopTimeout))
	}
	return errors.Join(errs...)
}
