# Say of a PBS job whether it is running, success or failed. A server that does not answer says nothing of the job: still running.
told=$(qstat -x -f "$1" 2>&1)
case $told in
  *"Unknown Job"*) echo failed ;;
  *"job_state = F"*) case $told in *"Exit_status = 0"*) echo success ;; *) echo failed ;; esac ;;
  *) echo running ;;
esac
