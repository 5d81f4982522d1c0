from holdfast import Holdfast

app = Holdfast("sqlite:///app.db")


@app.task(retry=3)
def greet(name: str) -> str:
    return f"Hello, {name}!"


if __name__ == "__main__":
    job = greet.enqueue("Ada")  # stored: it will run, whatever happens to this process
    with app.worker():  # or, in a process of its own: holdfast worker first_job:app
        print(job.result(timeout="10s"))
